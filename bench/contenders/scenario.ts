/** What all contenders do: per turn one model call that asks for two tools at once; after the last turn a text. */
import type {
  LanguageModelV4,
  LanguageModelV4Content,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider'
import { z } from 'zod'

/** How the model is read: whole, or part by part out of a `ReadableStream`. */
export type Reading = 'generate' | 'stream'

export interface Contender {
  readonly name: string
  /** One run of so many turns. Checks that it did all of them. */
  run(): Promise<void>
}

export const INSTRUCTIONS = 'Answer with the help of the tools.'
export const QUESTION = 'What is the weather, and what time is it?'
export const ANSWER = 'Sunny, and five past nine.'
export const toolInput = z.object({ city: z.string(), days: z.number() })
export const toolNames = ['weather', 'clock'] as const

export interface ToolOutput {
  readonly city: string
  readonly values: readonly number[]
}

/** Instant, and the same for all. */
export async function executeTool({ city }: { city: string }): Promise<{ city: string; values: number[] }> {
  return { city, values: [1, 2, 3] }
}

export interface ScriptedCall {
  readonly toolCallId: string
  readonly toolName: string
  readonly input: string
}

/** The calls of a turn, counted from 0; none after the last. */
export function callsOf(turn: number, turns: number): ScriptedCall[] {
  if (turn >= turns) return []
  return toolNames.map((toolName, index) => ({
    toolCallId: `call-${turn}-${index}`,
    toolName,
    input: `{"city":"Kyoto","days":${turn}}`,
  }))
}

const usage: LanguageModelV4Usage = {
  inputTokens: { total: 10, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 5, text: undefined, reasoning: undefined },
}

/** An AI SDK model that takes no time. Runs must come one after the other: it counts its calls. */
export function instantModel(turns: number, reading: Reading): LanguageModelV4 {
  let asked = 0
  const next = (): { content: LanguageModelV4Content[]; finishReason: LanguageModelV4FinishReason } => {
    const calls = callsOf(asked++ % (turns + 1), turns)
    if (calls.length === 0) {
      return { content: [{ type: 'text', text: ANSWER }], finishReason: { unified: 'stop', raw: undefined } }
    }
    const content = calls.map((call): LanguageModelV4Content => ({ type: 'tool-call', ...call }))
    return { content, finishReason: { unified: 'tool-calls', raw: undefined } }
  }
  const model = {
    specificationVersion: 'v4',
    provider: 'bench',
    modelId: 'instant',
    supportedUrls: {},
    doGenerate: async () => ({ ...next(), usage, warnings: [] }),
    doStream: async () => ({ stream: streamOf(partsOf(next())) }),
  } satisfies LanguageModelV4
  // Holdfast prefers doStream where a model has it; `ai` asks for what its caller chose.
  return reading === 'stream' ? model : ({ ...model, doStream: undefined } as unknown as LanguageModelV4)
}

function partsOf({
  content,
  finishReason,
}: {
  content: LanguageModelV4Content[]
  finishReason: LanguageModelV4FinishReason
}): LanguageModelV4StreamPart[] {
  const parts: LanguageModelV4StreamPart[] = [{ type: 'stream-start', warnings: [] }]
  for (const part of content) {
    if (part.type === 'text') {
      parts.push(
        { type: 'text-start', id: '0' },
        { type: 'text-delta', id: '0', delta: part.text },
        { type: 'text-end', id: '0' },
      )
    } else if (part.type === 'tool-call') {
      const { toolCallId: id, toolName, input } = part
      parts.push(
        { type: 'tool-input-start', id, toolName },
        { type: 'tool-input-delta', id, delta: input },
        { type: 'tool-input-end', id },
        part,
      )
    }
  }
  parts.push({ type: 'finish', finishReason, usage })
  return parts
}

function streamOf(parts: LanguageModelV4StreamPart[]): ReadableStream<LanguageModelV4StreamPart> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(part)
      controller.close()
    },
  })
}

/** A contender that did less than it should is not fast but wrong. */
export function expectDone(name: string, answer: string | undefined, messages: number, turns: number): void {
  const least = 2 * turns + 2
  if (answer !== ANSWER || messages < least) {
    throw new Error(`${name} gave '${answer}' and ${messages} messages in place of '${ANSWER}' and at least ${least}`)
  }
}
