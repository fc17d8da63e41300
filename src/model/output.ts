/** Outputs of tools as a model is shown them. */
import type { LanguageModelV3Prompt, LanguageModelV4ToolResultOutput, SharedV4FileData } from '@ai-sdk/provider'
import { base64FromBytes, withoutTags } from '../json.ts'
import type { ToolResultOutput } from '../message.ts'
import { toModelFile } from './file.ts'
import type { PromptTarget } from './target.ts'
import { withOptions } from './target.ts'

/** A promise where it may have to read files. */
export function toOutput(
  output: ToolResultOutput,
  target: PromptTarget,
): LanguageModelV4ToolResultOutput | Promise<LanguageModelV4ToolResultOutput> {
  switch (output.type) {
    case 'text':
    case 'error-text':
      return { type: output.type, value: output.value, ...withOptions(output) }
    case 'json':
    case 'error-json':
      return { type: output.type, value: withoutTags(output.value) as never, ...withOptions(output) }
    case 'denied': {
      const { reason } = output
      // Many providers have no such type, and are given the reason alone: it has to say what happened.
      const said =
        reason === undefined ? 'The call was refused and not made.' : `The call was refused and not made: ${reason}`
      return { type: 'execution-denied', reason: said, ...withOptions(output) }
    }
    case 'content':
      return toContent(output.value, target)
  }
}

async function toContent(
  parts: Extract<ToolResultOutput, { type: 'content' }>['value'],
  target: PromptTarget,
): Promise<LanguageModelV4ToolResultOutput> {
  const value = []
  for (const part of parts) value.push(await toOutputPart(part, target))
  return { type: 'content', value }
}

type OutputPart = Extract<LanguageModelV4ToolResultOutput, { type: 'content' }>['value'][number]
type OutputPartV3 = Extract<
  Extract<LanguageModelV3Prompt[number], { role: 'tool' }>['content'][number],
  { type: 'tool-result' }
>['output']

async function toOutputPart(
  part: Extract<ToolResultOutput, { type: 'content' }>['value'][number],
  target: PromptTarget,
): Promise<OutputPart> {
  const options = withOptions(part)
  if (part.type === 'text') return { type: 'text', text: part.text, ...options }
  if (part.type === 'custom') return { type: 'custom', ...options }
  const { mediaType, filename } = part
  const named = filename !== undefined && { filename }
  const file = await toModelFile(part.data, target)
  if (target.version === 'v4') return { type: 'file', data: file, mediaType, ...named, ...options }
  return toOutputPartV3(file, mediaType, named, options) as unknown as OutputPart
}

function toOutputPartV3(
  file: SharedV4FileData,
  mediaType: string,
  named: { filename: string } | false,
  options: { providerOptions?: never },
): Extract<OutputPartV3, { type: 'content' }>['value'][number] {
  const image = mediaType.startsWith('image/')
  if (file.type === 'reference')
    return { type: image ? 'image-file-id' : 'file-id', fileId: file.reference, ...options }
  if (file.type === 'url') return { type: image ? 'image-url' : 'file-url', url: file.url.href, ...options }
  const data = file.type === 'text' ? new TextEncoder().encode(file.text) : file.data
  const base64 = typeof data === 'string' ? data : base64FromBytes(data)
  if (image) return { type: 'image-data', data: base64, mediaType, ...options }
  return { type: 'file-data', data: base64, mediaType, ...named, ...options }
}
