/** Files between the wire and a model: bytes, base64, URLs, texts, references. */
import type { SharedV4FileData } from '@ai-sdk/provider'
import { HoldfastError } from '../errors.ts'
import { base64FromBytes, bytesFromBase64, fromJson } from '../json.ts'
import type { FileData } from '../message.ts'
import type { PayloadStore } from '../stream.ts'

/** A file that a model made, as v4 (tagged) and v3 (bare) have it. */
export type ModelFileData =
  | string
  | Uint8Array
  | { readonly type: 'data'; readonly data: string | Uint8Array }
  | { readonly type: 'url'; readonly url: URL }

/** More bytes than this go into the store. */
const INLINE_BYTES = 64 * 1024

/** A model's file on the wire: over 64 KB as a reference into the store, where there is one. */
export async function fromModelFile(file: ModelFileData, payloads: PayloadStore | undefined): Promise<FileData> {
  if (typeof file === 'object' && 'type' in file && file.type === 'url') return { type: 'url', url: String(file.url) }
  const data = typeof file === 'object' && 'data' in file ? file.data : (file as string | Uint8Array)
  const size = typeof data === 'string' ? sizeOf(data) : data.length
  if (payloads && size > INLINE_BYTES) {
    const ref = await payloads.put(typeof data === 'string' ? bytesFromBase64(data) : data)
    return { type: 'stored', ref, size }
  }
  return { type: 'data', base64: typeof data === 'string' ? data : base64FromBytes(data) }
}

/** Whether a part is a file that belongs into the store. */
export function isLargeFile(part: unknown): part is { readonly data: { readonly base64: string } } {
  const data = (part as { readonly data?: FileData } | null)?.data
  return data?.type === 'data' && sizeOf(data.base64) > INLINE_BYTES
}

function sizeOf(base64: string): number {
  return Math.floor((base64.replace(/=+$/, '').length * 3) / 4)
}

/** What files are read with. */
export interface FileSource {
  readonly payloads?: PayloadStore
  /** Opens error messages. */
  readonly where: string
}

/**
 * A file on the wire for a v4 prompt: stored bytes are loaded, `data:` URLs taken apart, as providers expect it.
 * @throws `UNSUPPORTED` for a stored file without a store; `CONFIG_INVALID` for what is no URL
 */
export async function toModelFile(data: FileData, source: FileSource): Promise<SharedV4FileData> {
  switch (data.type) {
    case 'data':
      return { type: 'data', data: data.base64 }
    case 'url':
      return fromDataUrl(data.url) ?? { type: 'url', url: parseUrl(data.url, source) }
    case 'text':
      return { type: 'text', text: data.text }
    case 'reference':
      return { type: 'reference', reference: fromJson(data.reference) as never }
    case 'stored': {
      if (source.payloads) return { type: 'data', data: await source.payloads.get(data.ref) }
      throw new HoldfastError({
        code: 'UNSUPPORTED',
        message: `${source.where}: a file of the conversation is in a PayloadStore: give the engine the one that the run began with.`,
        details: { ref: data.ref },
      })
    }
  }
}

/** The same for those who know bytes and URLs alone; `undefined` for a reference. */
export function withoutText(
  file: SharedV4FileData,
): Exclude<SharedV4FileData, { type: 'text' | 'reference' }> | undefined {
  if (file.type === 'reference') return undefined
  return file.type === 'text' ? { type: 'data', data: base64FromBytes(new TextEncoder().encode(file.text)) } : file
}

function fromDataUrl(url: string): SharedV4FileData | undefined {
  const match = /^data:[^,]*?(;base64)?,(.*)$/is.exec(url)
  if (!match) return undefined
  const content = match[2] as string
  if (match[1]) return { type: 'data', data: content }
  return { type: 'data', data: base64FromBytes(new TextEncoder().encode(decodeURIComponent(content))) }
}

function parseUrl(url: string, source: FileSource): URL {
  try {
    return new URL(url)
  } catch (cause) {
    throw new HoldfastError({
      code: 'CONFIG_INVALID',
      message: `${source.where}: '${url}' is no URL of a file. Give an absolute URL.`,
      cause,
    })
  }
}
