/** Reads what a model gives, streamed or whole, into a reply. */
import type { LanguageModelV3Content, LanguageModelV4Content } from '@ai-sdk/provider'
import type { StreamPart } from './parts.ts'
import type { ReplyBuilder } from './reply.ts'

/** What is needed of a `ReadableStream`, which is no global everywhere the core is loaded. */
export interface PartStream {
  getReader(): {
    read(): Promise<{ readonly done: false; readonly value: StreamPart } | { readonly done: true }>
    cancel(reason?: unknown): Promise<void>
  }
}

/** To the end; the stream is cancelled on an abort and on an error. */
export async function readStream(stream: PartStream, signal: AbortSignal, reply: ReplyBuilder): Promise<void> {
  const reader = stream.getReader()
  // What cancelling a stream comes to is nobody's business any more.
  const cancel = (): void => void reader.cancel(signal.reason).catch(() => {})
  if (signal.aborted) {
    cancel()
    signal.throwIfAborted()
  }
  signal.addEventListener('abort', cancel, { once: true })
  try {
    for (;;) {
      const next = await readNext(reader, reply)
      // A reader that goes on after it was cancelled is not listened to.
      signal.throwIfAborted()
      if (next.done) break
      reply.add(next.value)
    }
  } catch (error) {
    cancel()
    throw error
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

async function readNext(
  reader: ReturnType<PartStream['getReader']>,
  reply: ReplyBuilder,
): ReturnType<ReturnType<PartStream['getReader']>['read']> {
  try {
    return await reader.read()
  } catch (error) {
    // The reply is whole and paid for: a connection that breaks after it is no reason to ask again.
    if (reply.finished) return { done: true }
    throw error
  }
}

interface Generated {
  readonly content: readonly (LanguageModelV4Content | LanguageModelV3Content)[]
  readonly warnings: (StreamPart & { type: 'stream-start' })['warnings']
  readonly response?: Omit<StreamPart & { type: 'response-metadata' }, 'type'>
  readonly finishReason: (StreamPart & { type: 'finish' })['finishReason']
  readonly usage: (StreamPart & { type: 'finish' })['usage']
  readonly providerMetadata?: (StreamPart & { type: 'finish' })['providerMetadata'] & {}
}

/** The result of `doGenerate`, as if it had been streamed. */
export function readGenerated(result: Generated, reply: ReplyBuilder): void {
  reply.add({ type: 'stream-start', warnings: result.warnings })
  if (result.response) reply.add({ ...result.response, type: 'response-metadata' })
  for (const [index, part] of result.content.entries()) {
    if (part.type === 'text' || part.type === 'reasoning') addWhole(part, String(index), reply)
    else reply.add(part)
  }
  const { finishReason, usage, providerMetadata } = result
  reply.add({ type: 'finish', finishReason, usage, ...(providerMetadata && { providerMetadata }) })
}

function addWhole(
  part: Extract<Generated['content'][number], { type: 'text' | 'reasoning' }>,
  id: string,
  reply: ReplyBuilder,
): void {
  const { text, ...rest } = part
  reply.add({ type: `${part.type}-start`, id })
  reply.add({ type: `${part.type}-delta`, id, delta: text })
  reply.add({ ...rest, type: `${part.type}-end`, id } as StreamPart)
}
