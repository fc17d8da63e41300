/** The conversation on the wire as the prompt of a model. */
import type {
  LanguageModelV3FilePart,
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
} from '@ai-sdk/provider'
import type { AssistantPart, FilePart, Message, ToolMessage, UserPart } from '../message.ts'
import { toModelFile, withoutText } from './file.ts'
import { toOutput } from './output.ts'
import { isPromise } from '../promise.ts'
import type { PromptTarget } from './target.ts'
import { unsupported, withOptions } from './target.ts'

type WirePart = UserPart | AssistantPart | ToolMessage['content'][number]
type PromptPart = Exclude<LanguageModelV4Message['content'], string>[number]

/**
 * What was recorded, as the model's specification has it. Sources and the requests for approvals of a provider are left
 * out (no prompt has them), and so is what is empty. Provider options go back as they came.
 *
 * A v3 model gets the same prompt with what v3 has: texts as files are sent as bytes, reasoning files as files.
 * @throws `UNSUPPORTED` for custom parts and file references with v3; see also `toModelFile`
 */
export async function toPrompt(
  messages: readonly Message[],
  instructions: string | undefined,
  target: PromptTarget,
): Promise<LanguageModelV4Prompt> {
  const { memory, version } = target
  const before: LanguageModelV4Prompt = instructions === undefined ? [] : [{ role: 'system', content: instructions }]
  const known = memory?.countOf(messages, version) ?? 0
  const prompt = memory?.behind(before, known) ?? before
  const lastReply = messages.findLastIndex(({ role }) => role === 'assistant')
  for (let index = known; index < messages.length; index++) {
    const message = messages[index] as Message
    const kept = memory?.get(index, message, version)
    const made = kept ?? toPromptMessage(message, target)
    const shown = isPromise(made) ? await made : made
    if (!shown) continue
    // What came after the last reply is not shared with later calls: middleware of the AI SDK may mark it in place.
    if (!kept && index <= lastReply) memory?.keep(index, message, version, shown)
    prompt.push(shown)
  }
  return prompt
}

type PromptMessage = LanguageModelV4Message | undefined

/** A promise where it may have to read files. */
function toPromptMessage(message: Message, target: PromptTarget): PromptMessage | Promise<PromptMessage> {
  const options = withOptions(message)
  if (message.role === 'system') return { role: 'system', content: message.content, ...options }
  const finish = (parts: readonly (PromptPart | undefined)[]): PromptMessage => {
    const content = parts.filter((part) => part !== undefined)
    // Providers refuse an assistant that says nothing.
    if (content.length === 0 && message.role === 'assistant') return undefined
    return { role: message.role, content, ...options } as LanguageModelV4Message
  }
  const parts: (PromptPart | undefined | Promise<PromptPart | undefined>)[] = []
  for (const part of message.content) parts.push(orRejected(() => toPart(part, target)))
  return parts.some(isPromise) ? Promise.all(parts).then(finish) : finish(parts as PromptPart[])
}

/** What fails at once must not leave what others have begun without anybody who waits for it. */
function orRejected<T>(work: () => T | Promise<T>): T | Promise<T> {
  try {
    return work()
  } catch (error) {
    return Promise.reject(error)
  }
}

/** A promise where it may have to read a file. */
function toPart(part: WirePart, target: PromptTarget): PromptPart | undefined | Promise<PromptPart> {
  const options = withOptions(part)
  switch (part.type) {
    case 'text':
      return part.text === '' && !part.providerOptions ? undefined : { type: 'text', text: part.text, ...options }
    case 'reasoning':
      return { type: 'reasoning', text: part.text, ...options }
    case 'file':
    case 'reasoning-file':
      return toFilePart(part, target)
    case 'custom':
      if (target.version === 'v3') throw unsupported(target, `a custom part '${part.kind}'`)
      return { type: 'custom', kind: part.kind, ...options }
    case 'tool-call': {
      const { toolCallId, toolName, input, providerExecuted } = part
      return {
        type: 'tool-call',
        toolCallId,
        toolName,
        input,
        ...(providerExecuted && { providerExecuted }),
        ...options,
      }
    }
    case 'tool-result': {
      const { type, toolCallId, toolName } = part
      const output = toOutput(part.output, target)
      if (!('then' in output)) return { type, toolCallId, toolName, output, ...options }
      return output.then((read) => ({ type, toolCallId, toolName, output: read, ...options }))
    }
    case 'approval-response': {
      const { approvalId, approved, reason } = part
      return {
        type: 'tool-approval-response',
        approvalId,
        approved,
        ...(reason !== undefined && { reason }),
        ...options,
      }
    }
    case 'source':
    case 'approval-request':
      return undefined
  }
}

async function toFilePart(part: FilePart, target: PromptTarget): Promise<PromptPart> {
  const { type, mediaType, filename } = part
  const options = withOptions(part)
  const file = await toModelFile(part.data, target)
  if (target.version === 'v4' && type === 'file') {
    return { type, mediaType, data: file, ...(filename !== undefined && { filename }), ...options }
  }
  const data = withoutText(file)
  if (!data) throw unsupported(target, `a ${type} that is a reference to a file at the provider`)
  if (target.version === 'v4') return { type: 'reasoning-file', mediaType, data, ...options }
  const bare: LanguageModelV3FilePart = {
    type: 'file',
    mediaType,
    data: data.type === 'url' ? data.url : data.data,
    ...(filename !== undefined && { filename }),
    ...options,
  }
  return bare as unknown as LanguageModelV4FilePart
}
