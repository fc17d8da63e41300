/**
 * The conversation on the wire: JSON of our own, close to the AI SDK's prompt, so that an engine can record it and any
 * model can be asked with it. `model.ts` converts.
 *
 * Provider options ride on each part byte for byte: a reasoning model needs its signatures back on the next turn.
 */
import type { Json, JsonObject } from './json.ts'

/** Provider name to its own JSON, as the AI SDK has it. */
export type ProviderOptions = { readonly [provider: string]: JsonObject }

/** A file's content: inline base64, a URL, a text, an id at the provider, or bytes in the `PayloadStore`. */
export type FileData =
  | { readonly type: 'data'; readonly base64: string }
  | { readonly type: 'url'; readonly url: string }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reference'; readonly reference: Json }
  | { readonly type: 'stored'; readonly ref: string; readonly size: number }

interface PartBase {
  readonly providerOptions?: ProviderOptions
}

export interface TextPart extends PartBase {
  readonly type: 'text'
  readonly text: string
  /** Citations of the provider, as it gave them. */
  readonly citations?: Json
}
export interface ReasoningPart extends PartBase {
  readonly type: 'reasoning'
  readonly text: string
}
export interface FilePart extends PartBase {
  readonly type: 'file' | 'reasoning-file'
  readonly mediaType: string
  readonly data: FileData
  readonly filename?: string
}
/** A source that the provider named. Kept for the app; not shown to the model again. */
export interface SourcePart extends PartBase {
  readonly type: 'source'
  readonly source: JsonObject
}
export interface CustomPart extends PartBase {
  readonly type: 'custom'
  readonly kind: `${string}.${string}`
}
export interface ToolCallPart extends PartBase {
  readonly type: 'tool-call'
  readonly toolCallId: string
  readonly toolName: string
  /** What the model wrote, parsed; the raw text where it was no JSON. */
  readonly input: Json
  /** The provider ran it: never executed here. */
  readonly providerExecuted?: boolean
  readonly dynamic?: boolean
}
export type ToolResultOutput =
  | { readonly type: 'text' | 'error-text'; readonly value: string; readonly providerOptions?: ProviderOptions }
  | { readonly type: 'json' | 'error-json'; readonly value: Json; readonly providerOptions?: ProviderOptions }
  | { readonly type: 'denied'; readonly reason?: string; readonly providerOptions?: ProviderOptions }
  | {
      readonly type: 'content'
      readonly value: readonly (TextPart | (FilePart & { readonly type: 'file' }) | CustomPart)[]
    }
export interface ToolResultPart extends PartBase {
  readonly type: 'tool-result'
  readonly toolCallId: string
  readonly toolName: string
  readonly output: ToolResultOutput
  readonly providerExecuted?: boolean
  readonly dynamic?: boolean
  readonly preliminary?: boolean
}
/** A provider asks whether a tool that it runs itself may run. */
export interface ApprovalRequestPart extends PartBase {
  readonly type: 'approval-request'
  readonly approvalId: string
  readonly toolCallId: string
}
export interface ApprovalResponsePart extends PartBase {
  readonly type: 'approval-response'
  readonly approvalId: string
  readonly approved: boolean
  readonly reason?: string
}

export type UserPart = TextPart | (FilePart & { readonly type: 'file' })
export type AssistantPart =
  | TextPart
  | ReasoningPart
  | FilePart
  | SourcePart
  | CustomPart
  | ToolCallPart
  | ToolResultPart
  | ApprovalRequestPart

export interface SystemMessage extends PartBase {
  readonly role: 'system'
  readonly content: string
}
export interface UserMessage extends PartBase {
  readonly role: 'user'
  readonly content: readonly UserPart[]
}
export interface AssistantMessage extends PartBase {
  readonly role: 'assistant'
  readonly content: readonly AssistantPart[]
}
export interface ToolMessage extends PartBase {
  readonly role: 'tool'
  readonly content: readonly (ToolResultPart | ApprovalResponsePart)[]
}
export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage

/** Token counts; a count that the provider does not give is left out. */
export interface Usage {
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly cachedInputTokens?: number
  readonly cacheWriteTokens?: number
  readonly reasoningTokens?: number
  readonly totalTokens?: number
}

export type FinishReason = 'stop' | 'length' | 'content-filter' | 'tool-calls' | 'error' | 'other'

/** The text parts of a message, joined. */
export function textOf(message: Message | undefined): string {
  if (!message) return ''
  if (typeof message.content === 'string') return message.content
  let text = ''
  for (const part of message.content) if (part.type === 'text') text += part.text
  return text
}

/** The sum of two counts, member by member. */
export function addUsage(a: Usage, b: Usage | undefined): Usage {
  if (!b) return a
  const sum: { -readonly [K in keyof Usage]: number } = { ...a }
  for (const key of Object.keys(b) as (keyof Usage)[]) if (b[key] !== undefined) sum[key] = (sum[key] ?? 0) + b[key]
  return sum
}
