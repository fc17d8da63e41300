/** A scripted reply as the AI SDK's content and stream parts. */
import type { LanguageModelV4Content, LanguageModelV4GenerateResult, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import type { Usage } from '../message.ts'
import type { Latency, Pieces, ScriptedPart, ScriptedReply, ScriptedToolCall } from './scripted-reply.ts'

export interface StreamSettings {
  readonly turn: number
  readonly modelId: string
  readonly pieces?: number
  readonly usage?: Usage
}

export type Emitted =
  | LanguageModelV4StreamPart
  | { readonly type: 'pause'; readonly until: Latency }
  | { readonly type: 'break'; readonly error?: unknown }

/** All the parts of the stream, with the places where it waits or breaks. */
export function* streamPartsOf(reply: ScriptedReply, settings: StreamSettings): Generator<Emitted, void> {
  const { turn, modelId } = settings
  yield { type: 'stream-start', warnings: [] }
  yield { type: 'response-metadata', id: `reply-${turn}`, modelId }
  let calls = 0
  for (const [index, part] of reply.parts.entries()) {
    switch (part.type) {
      case 'text':
      case 'reasoning': {
        const id = String(index)
        yield { type: `${part.type}-start`, id }
        for (const delta of cut(part.text, part.pieces ?? settings.pieces))
          yield { type: `${part.type}-delta`, id, delta }
        yield { type: `${part.type}-end`, id, ...metadataOf(part) }
        break
      }
      case 'tool-call': {
        const whole = callOf(part, turn, calls++)
        const { toolCallId: id, toolName, input, providerExecuted } = whole
        yield { type: 'tool-input-start', id, toolName, ...(providerExecuted && { providerExecuted }) }
        for (const delta of cut(input, part.pieces ?? settings.pieces)) yield { type: 'tool-input-delta', id, delta }
        yield { type: 'tool-input-end', id }
        yield whole
        break
      }
      default:
        yield part
    }
  }
  const { finishReason, usage, providerMetadata } = finishOf(reply, settings.usage)
  yield { type: 'finish', finishReason, usage, ...(providerMetadata && { providerMetadata }) }
}

/** The content of the reply in one piece. */
export function contentOf(reply: ScriptedReply, turn: number): LanguageModelV4Content[] {
  const content: LanguageModelV4Content[] = []
  let calls = 0
  for (const part of reply.parts) {
    if (part.type === 'pause' || part.type === 'break' || part.type === 'error') continue
    if (part.type === 'tool-call') content.push(callOf(part, turn, calls++))
    else if (part.type === 'text' || part.type === 'reasoning') {
      content.push({ type: part.type, text: part.text, ...metadataOf(part) })
    } else content.push(part)
  }
  return content
}

const DEFAULT_USAGE: Usage = { inputTokens: 10, outputTokens: 5 }

export function finishOf(
  reply: ScriptedReply,
  ofModel: Usage | undefined,
): Pick<LanguageModelV4GenerateResult, 'finishReason' | 'usage' | 'providerMetadata'> {
  const usage = reply.usage ?? ofModel ?? DEFAULT_USAGE
  const executes = reply.parts.some((part) => part.type === 'tool-call' && !part.providerExecuted)
  return {
    finishReason: { unified: reply.finishReason ?? (executes ? 'tool-calls' : 'stop'), raw: undefined },
    usage: {
      inputTokens: {
        total: usage.inputTokens,
        noCache: undefined,
        cacheRead: usage.cachedInputTokens,
        cacheWrite: usage.cacheWriteTokens,
      },
      outputTokens: { total: usage.outputTokens, text: undefined, reasoning: usage.reasoningTokens },
    },
    ...(reply.providerMetadata && { providerMetadata: reply.providerMetadata }),
  }
}

function callOf(
  part: ScriptedToolCall,
  turn: number,
  index: number,
): Extract<LanguageModelV4Content, { type: 'tool-call' }> {
  const { toolName, providerExecuted, dynamic } = part
  return {
    type: 'tool-call',
    toolCallId: part.id ?? `call-${turn}-${index}`,
    toolName,
    input: part.inputText ?? JSON.stringify(part.input ?? {}),
    ...(providerExecuted && { providerExecuted }),
    ...(dynamic && { dynamic }),
    ...metadataOf(part),
  }
}

function metadataOf(
  part: Extract<ScriptedPart, { type: 'text' | 'reasoning' | 'tool-call' }>,
): Pick<typeof part, 'providerMetadata'> {
  return part.providerMetadata ? { providerMetadata: part.providerMetadata } : {}
}

function cut(text: string, pieces: Pieces | undefined): readonly string[] {
  if (typeof pieces === 'object') {
    if (pieces.join('') === text) return pieces
    throw new Error(
      `The pieces of a scripted part make up ${JSON.stringify(pieces.join(''))}, but its text is ${JSON.stringify(text)}.`,
    )
  }
  const size = Math.max(1, pieces ?? text.length)
  return Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size),
  )
}
