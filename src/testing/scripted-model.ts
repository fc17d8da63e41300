/** A model for tests that says what it is told to say, as an AI SDK language model. */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4GenerateResult,
  LanguageModelV4Prompt,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'
import type { Usage } from '../message.ts'
import type { Latency, Scripted, ScriptedReply } from './scripted-reply.ts'
import type { Emitted } from './scripted-stream.ts'
import { contentOf, finishOf, streamPartsOf } from './scripted-stream.ts'

export interface ScriptedModelOptions {
  /** Default `scripted`. */
  readonly provider?: string
  /** Default `scripted`. */
  readonly modelId?: string
  /** Characters per piece of a stream. Default: each part in one piece. */
  readonly pieces?: number
  /** Before each reply. */
  readonly latency?: Latency
  /** Of each reply. Default: 10 tokens in, 5 out. */
  readonly usage?: Usage
  /** Go on after an abort, as bad models do. */
  readonly ignoreAbort?: boolean
}

/** What the model was asked. */
export interface ScriptedCall {
  /** 1, 2, …, as in the ids of steps. */
  readonly turn: number
  /** 1, 2, …: how often this very prompt came. */
  readonly attempt: number
  readonly prompt: LanguageModelV4Prompt
  readonly options: LanguageModelV4CallOptions
}

export interface ScriptedModel extends LanguageModelV4 {
  readonly calls: readonly ScriptedCall[]
}

/** The reply for a turn, counted from 1; `attempt` counts how often this very prompt came. */
export type Script = (prompt: LanguageModelV4Prompt, turn: number, attempt: number) => Scripted | Promise<Scripted>

/**
 * A model that replies by turn: `scriptedModel([call('search', { q: 'x' }), text('done')])`.
 *
 * The turn is read from the prompt (its assistant messages, plus one) and nothing is counted, so one model serves many runs
 * at once, and a run that is resumed elsewhere gets the reply that is due. Conversations that start with assistant messages,
 * or are compacted, want a function. A turn without a reply is an error that says so.
 */
export function scriptedModel(
  replies: readonly Scripted[] | Script,
  options: ScriptedModelOptions = {},
): ScriptedModel {
  const { provider = 'scripted', modelId = 'scripted' } = options
  const calls: ScriptedCall[] = []
  const asked = new Map<string, number>()

  const next = async (asking: LanguageModelV4CallOptions): Promise<{ reply: ScriptedReply; turn: number }> => {
    const { prompt } = asking
    const turn = prompt.filter(({ role }) => role === 'assistant').length + 1
    const key = JSON.stringify(prompt)
    const attempt = (asked.get(key) ?? 0) + 1
    asked.set(key, attempt)
    calls.push({ turn, attempt, prompt, options: asking })
    const scripted = typeof replies === 'function' ? await replies(prompt, turn, attempt) : replies[turn - 1]
    if (!scripted) {
      throw new Error(
        `scriptedModel '${modelId}' has no reply for turn ${turn}. Add one to its ${replies.length} replies.`,
      )
    }
    const reply = choose(scripted, attempt)
    await waitFor(reply.latency ?? options.latency ?? 0, signalOf(asking, options))
    if (reply.failure !== undefined) throw reply.failure
    return { reply, turn }
  }

  return {
    specificationVersion: 'v4',
    provider,
    modelId,
    supportedUrls: {},
    calls,
    async doStream(asking) {
      const { reply, turn } = await next(asking)
      const stream = streamOf(streamPartsOf(reply, { turn, modelId, ...options }), signalOf(asking, options))
      return { stream: stream as never }
    },
    async doGenerate(asking): Promise<LanguageModelV4GenerateResult> {
      const { reply, turn } = await next(asking)
      const broken = reply.parts.find(({ type }) => type === 'break' || type === 'error')
      if (broken) throw (broken as { error?: unknown }).error ?? new Error('the reply broke off')
      return { content: contentOf(reply, turn), warnings: [], ...finishOf(reply, options.usage) }
    },
  }
}

function choose(scripted: Scripted, attempt: number): ScriptedReply {
  if ('attempts' in scripted) {
    const { attempts } = scripted
    const chosen = attempts[Math.min(attempt, attempts.length) - 1]
    if (!chosen) throw new Error('attempts() needs at least one reply.')
    return choose(chosen, attempt)
  }
  return 'parts' in scripted ? scripted : { parts: [scripted] }
}

function signalOf(asking: LanguageModelV4CallOptions, options: ScriptedModelOptions): AbortSignal | undefined {
  return options.ignoreAbort ? undefined : asking.abortSignal
}

/** Rejects with the signal's reason, as `fetch` does. */
function waitFor(latency: Latency, signal: AbortSignal | undefined): Promise<void> {
  const until = typeof latency === 'function' ? latency() : latency
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    if (until === 0) return resolve()
    const abort = (): void => settle(() => reject(signal?.reason))
    const timer = typeof until === 'number' ? setTimeout(() => settle(resolve), until) : undefined
    const settle = (how: () => void): void => {
      if (timer !== undefined) clearTimeout(timer as Parameters<typeof clearTimeout>[0])
      signal?.removeEventListener('abort', abort)
      how()
    }
    signal?.addEventListener('abort', abort, { once: true })
    if (typeof until !== 'number')
      until.then(
        () => settle(resolve),
        (error: unknown) => settle(() => reject(error)),
      )
  })
}

interface Controller {
  enqueue(part: LanguageModelV4StreamPart): void
  close(): void
  error(error: unknown): void
}
// Not a type of Node or of the DOM: the testing kit is loaded where neither is declared.
type StreamClass = new (
  source: { pull(controller: Controller): Promise<void> },
  strategy: { highWaterMark: number },
) => object

/** Gives a part when it is asked for one, so that nobody can read ahead of a pause. */
function streamOf(parts: Iterable<Emitted>, signal: AbortSignal | undefined): object {
  const { ReadableStream } = globalThis as unknown as { readonly ReadableStream: StreamClass }
  const left = parts[Symbol.iterator]()
  const pull = async (controller: Controller): Promise<void> => {
    try {
      for (;;) {
        if (signal?.aborted) throw signal.reason
        const { done, value } = left.next()
        if (done) return controller.close()
        if (value.type === 'pause') await waitFor(value.until, signal)
        else if (value.type === 'break') {
          if (value.error !== undefined) throw value.error
          return controller.close()
        } else return controller.enqueue(value)
      }
    } catch (error) {
      controller.error(error)
    }
  }
  return new ReadableStream({ pull }, { highWaterMark: 0 })
}
