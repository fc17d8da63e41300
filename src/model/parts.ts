/** The parts that a model gives whole, as parts of our messages. `where` opens the messages of errors. */
import type { LanguageModelV3StreamPart, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import type { Json, JsonObject } from '../json.ts'
import { toJson } from '../json.ts'
import type {
  ApprovalRequestPart,
  CustomPart,
  ProviderOptions,
  SourcePart,
  ToolCallPart,
  ToolResultPart,
  Usage,
} from '../message.ts'

export type StreamPart = LanguageModelV4StreamPart | LanguageModelV3StreamPart
export type PartOf<T extends StreamPart['type']> = Extract<StreamPart, { type: T }>

/** A tool call, and its input as text where that is no JSON. */
export interface ReadCall {
  readonly part: ToolCallPart
  readonly inputText?: string
}

/** `metadata` is used where the part has none of its own. */
export function toCallPart(part: PartOf<'tool-call'>, metadata: unknown, where: string): ReadCall {
  const { toolCallId, toolName, providerExecuted, dynamic } = part
  const input = parseInput(part.input)
  return {
    part: {
      type: 'tool-call',
      toolCallId,
      toolName,
      input: input === undefined ? part.input : input,
      ...(providerExecuted && { providerExecuted }),
      ...(dynamic && { dynamic }),
      ...toOptions(part.providerMetadata ?? metadata, where, `tool call '${toolName}'`),
    },
    ...(input === undefined && { inputText: part.input }),
  }
}

/** The result of a tool that the provider ran. */
export function toResultPart(part: PartOf<'tool-result'>, where: string): ToolResultPart {
  const { toolCallId, toolName, isError, preliminary, dynamic } = part
  const value = toJson(part.result, `${where}: result of '${toolName}'`)
  const plain = typeof value === 'string' ? ({ type: 'text', value } as const) : ({ type: 'json', value } as const)
  return {
    type: 'tool-result',
    toolCallId,
    toolName,
    // The AI SDK shows a provider its own errors as error-json, whatever they are, and providers look for that.
    output: isError ? { type: 'error-json', value } : plain,
    providerExecuted: true,
    ...(preliminary && { preliminary }),
    ...(dynamic && { dynamic }),
    ...toOptions(part.providerMetadata, where, `result of '${toolName}'`),
  }
}

export function toPlainPart(
  part: PartOf<'source' | 'custom' | 'tool-approval-request'>,
  where: string,
): SourcePart | CustomPart | ApprovalRequestPart {
  const options = toOptions(part.providerMetadata, where, `${part.type} part`)
  switch (part.type) {
    case 'source': {
      const { type, providerMetadata, ...source } = part
      return { type, source: toJson(source, `${where}: source`) as JsonObject, ...options }
    }
    case 'custom':
      return { type: 'custom', kind: part.kind, ...options }
    case 'tool-approval-request': {
      const { approvalId, toolCallId } = part
      return { type: 'approval-request', approvalId, toolCallId, ...options }
    }
  }
}

/**
 * What a provider says of a part, as what it gets back with it.
 * @throws `NOT_JSON`
 */
export function toOptions(metadata: unknown, where: string, what: string): { providerOptions?: ProviderOptions } {
  if (metadata === undefined || metadata === null) return {}
  return { providerOptions: toJson(metadata, `${where}: provider metadata of ${what}`) as ProviderOptions }
}

/** Counts that the provider does not give are left out. */
export function toUsage(usage: PartOf<'finish'>['usage'] | undefined): Usage {
  const { inputTokens, outputTokens } = usage ?? {}
  const input = inputTokens?.total
  const output = outputTokens?.total
  const counts: { -readonly [K in keyof Usage]: number } = {}
  const add = (key: keyof Usage, count: number | undefined): void => {
    if (Number.isFinite(count)) counts[key] = count as number
  }
  add('inputTokens', input)
  add('outputTokens', output)
  add('cachedInputTokens', inputTokens?.cacheRead)
  add('cacheWriteTokens', inputTokens?.cacheWrite)
  add('reasoningTokens', outputTokens?.reasoning)
  add('totalTokens', (input ?? output) === undefined ? undefined : (input ?? 0) + (output ?? 0))
  return counts
}

/** `undefined` for what is no JSON. No input at all counts as `{}`, as in the AI SDK. */
function parseInput(text: string): Json | undefined {
  if (text.trim() === '') return {}
  try {
    return withNumbersOfJson(JSON.parse(text))
  } catch {
    return undefined
  }
}

/**
 * `1e999` is read as infinity and `-0` as such: neither is what a record would give back. A reviver of `JSON.parse` would
 * do, at several times the price of the parsing.
 */
function withNumbersOfJson(value: unknown): Json {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError('a number out of range')
    return value === 0 ? 0 : value
  }
  if (typeof value === 'object' && value !== null) {
    const members = value as Record<string, unknown>
    for (const key of Object.keys(members)) members[key] = withNumbersOfJson(members[key])
  }
  return value as Json
}
