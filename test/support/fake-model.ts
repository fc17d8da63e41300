/** Models of either specification that stream given parts. */
import type { LanguageModelV3, LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'
import type { ModelCall, ModelReply } from '../../src/model.ts'
import { untilAborted } from '../../src/execute/model.ts'
import { callModel } from '../../src/model.ts'
import type { StreamPart } from '../../src/model/parts.ts'

export const USAGE = {
  inputTokens: { total: 10, noCache: 4, cacheRead: 6, cacheWrite: undefined },
  outputTokens: { total: 5, text: 3, reasoning: 2 },
}

export const FINISH = { type: 'finish', usage: USAGE, finishReason: { unified: 'stop', raw: 'stop' } } as const

export interface FakeModel {
  readonly asked: LanguageModelV4CallOptions[]
}

export function streamOf(parts: readonly StreamPart[]): ReadableStream<never> {
  return new ReadableStream<StreamPart>({
    start(controller) {
      for (const part of parts) controller.enqueue(part)
      controller.close()
    },
  }) as ReadableStream<never>
}

export function fakeModel(version: 'v4', parts: readonly StreamPart[]): LanguageModelV4 & FakeModel
export function fakeModel(version: 'v3', parts: readonly StreamPart[]): LanguageModelV3 & FakeModel
export function fakeModel(
  version: 'v3' | 'v4',
  parts: readonly StreamPart[],
): (LanguageModelV3 | LanguageModelV4) & FakeModel
export function fakeModel(
  version: 'v3' | 'v4',
  parts: readonly StreamPart[],
): (LanguageModelV3 | LanguageModelV4) & FakeModel {
  const asked: LanguageModelV4CallOptions[] = []
  return {
    specificationVersion: version,
    provider: 'fake',
    modelId: 'one',
    supportedUrls: {},
    asked,
    async doStream(options: LanguageModelV4CallOptions) {
      asked.push(options)
      return { stream: streamOf(parts) }
    },
    async doGenerate() {
      throw new Error('doGenerate is not to be called')
    },
  } as unknown as LanguageModelV4 & FakeModel
}

/** As the executor asks: it is over at the abort, whether or not the model listens. */
export function ask(
  model: LanguageModelV3 | LanguageModelV4,
  { signal = new AbortController().signal, ...call }: Partial<ModelCall> = {},
): Promise<ModelReply> {
  return untilAborted(signal, () => callModel(model, { messages: [], tools: [], signal, ...call }))
}

/** The reply to a stream of these parts. */
export function replyTo(
  parts: readonly StreamPart[],
  call: Partial<ModelCall> = {},
  version: 'v3' | 'v4' = 'v4',
): Promise<ModelReply> {
  return ask(fakeModel(version, [...parts, FINISH]), call)
}
