/** What a scripted model says: replies, put together of parts. */
import type { LanguageModelV4Content, LanguageModelV4FinishReason, SharedV4ProviderMetadata } from '@ai-sdk/provider'
import type { Usage } from '../message.ts'

/** How a text is cut for streaming: into pieces of so many characters, or these pieces, which make up the whole. */
export type Pieces = number | readonly string[]

interface SpokenPart {
  readonly pieces?: Pieces
  readonly providerMetadata?: SharedV4ProviderMetadata
}
export interface ScriptedText extends SpokenPart {
  readonly type: 'text' | 'reasoning'
  readonly text: string
}
export interface ScriptedToolCall extends SpokenPart {
  readonly type: 'tool-call'
  readonly toolName: string
  /** JSON; a string under `inputText` is sent as it is, e.g. to be no JSON. */
  readonly input?: unknown
  readonly inputText?: string
  /** Default: `call-<turn>-<index among the calls of the reply>`. */
  readonly id?: string
  readonly providerExecuted?: boolean
  readonly dynamic?: boolean
}
/** Milliseconds; a promise to wait for; or a function that is called at that place and gives one of those. */
export type Latency = number | Promise<unknown> | (() => number | Promise<unknown>)

export type ScriptedPart =
  | ScriptedText
  | ScriptedToolCall
  | Exclude<LanguageModelV4Content, { type: 'text' | 'reasoning' | 'tool-call' }>
  /** Nothing comes until then. */
  | { readonly type: 'pause'; readonly until: Latency }
  /** The stream is over without a finish; with an error it breaks. */
  | { readonly type: 'break'; readonly error?: unknown }
  /** The provider says that something went wrong, within the stream. */
  | { readonly type: 'error'; readonly error: unknown }

export interface ReplyOptions {
  /** Default: `tool-calls` where the reply has a call to execute here, else `stop`. */
  readonly finishReason?: LanguageModelV4FinishReason['unified']
  /** Default: that of the model. */
  readonly usage?: Usage
  /** Before anything comes. Default: that of the model. */
  readonly latency?: Latency
  readonly providerMetadata?: SharedV4ProviderMetadata
}
export interface ScriptedReply extends ReplyOptions {
  readonly parts: readonly ScriptedPart[]
  /** The call itself fails with this. */
  readonly failure?: unknown
}
/** The same prompt asked again gets the next; the last one stays. */
export interface ScriptedAttempts {
  readonly attempts: readonly (ScriptedPart | ScriptedReply)[]
}
export type Scripted = ScriptedPart | ScriptedReply | ScriptedAttempts

export function text(value: string, options: SpokenPart = {}): ScriptedText {
  return { type: 'text', text: value, ...options }
}

export function reasoning(value: string, options: SpokenPart = {}): ScriptedText {
  return { type: 'reasoning', text: value, ...options }
}

export function call(
  toolName: string,
  input: unknown = {},
  options: Omit<ScriptedToolCall, 'type' | 'toolName' | 'input'> = {},
): ScriptedToolCall {
  return { type: 'tool-call', toolName, input, ...options }
}

/** @param data bytes, or base64 */
export function file(
  mediaType: string,
  data: Uint8Array | string,
  options: { readonly providerMetadata?: SharedV4ProviderMetadata } = {},
): ScriptedPart {
  return { type: 'file', mediaType, data: { type: 'data', data }, ...options }
}

/** Several parts as one reply: texts, calls, files, pauses, breaks. */
export function calls(...parts: readonly ScriptedPart[]): ScriptedReply {
  return { parts }
}

/** Parts as one reply, with what else is to be said of it. */
export function reply(parts: ScriptedPart | readonly ScriptedPart[], options: ReplyOptions = {}): ScriptedReply {
  return { ...options, parts: Array.isArray(parts) ? parts : [parts as ScriptedPart] }
}

/** First this, and when it is asked the same again, the next: `attempts(retryableFailure(), text('done'))`. */
export function attempts(...each: readonly (ScriptedPart | ScriptedReply)[]): ScriptedAttempts {
  return { attempts: each }
}

export function pause(until: Latency): ScriptedPart {
  return { type: 'pause', until }
}

/** Within {@link calls}: the stream ends here without a finish, or breaks with the error. */
export function breakOff(error?: unknown): ScriptedPart {
  return { type: 'break', ...(error !== undefined && { error }) }
}

export interface FailureOptions {
  readonly statusCode?: number
  readonly message?: string
  /** Milliseconds. */
  readonly retryAfter?: number
}

/** The call fails, 503 unless said otherwise, as an `APICallError` of the AI SDK that may be tried again. */
export function retryableFailure({
  statusCode = 503,
  message = 'overloaded',
  retryAfter,
}: FailureOptions = {}): ScriptedReply {
  return { parts: [], failure: apiCallError(message, statusCode, true, retryAfter) }
}

/** The call fails, 400 unless said otherwise, as an `APICallError` of the AI SDK that is not worth another try. */
export function terminalFailure({ statusCode = 400, message = 'bad request' }: FailureOptions = {}): ScriptedReply {
  return { parts: [], failure: apiCallError(message, statusCode, false) }
}

/** The real class would be a dependency of whoever tests; these are the marks that it is known by. */
export function apiCallError(message: string, statusCode: number, isRetryable: boolean, retryAfter?: number): Error {
  return Object.assign(new Error(message), {
    name: 'AI_APICallError',
    [Symbol.for('vercel.ai.error')]: true,
    [Symbol.for('vercel.ai.error.AI_APICallError')]: true,
    url: 'https://scripted.invalid/v1',
    requestBodyValues: {},
    statusCode,
    isRetryable,
    responseHeaders: retryAfter === undefined ? {} : { 'retry-after-ms': String(retryAfter) },
  })
}
