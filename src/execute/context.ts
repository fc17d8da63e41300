/** What the executors of a step are given. */
import type { AgentDefinition } from '../definition.ts'
import type { Json } from '../json.ts'
import { requireJson } from '../json.ts'
import type { Message } from '../message.ts'
import type { PromptMemory } from '../model/prompt-memory.ts'
import type { StepMiddleware } from '../plugin.ts'
import type { StepPublisher } from './publish.ts'
import type { AgentSpec } from '../spec.ts'
import type { Base, ModelInput } from '../step-kinds.ts'
import type { StepDescriptor } from '../step.ts'
import type { Attempt, OnStop } from './stop.ts'
import type { PayloadStore, StreamChunk, StreamSink } from '../stream.ts'

/** What the execution of a step needs from the run and from the engine. */
export interface ExecuteContext {
  readonly runId: string
  /** The agent whose step it is: the one that is given, or a sub-agent of it. */
  readonly agent?: string
  /** As it was pinned in the run: instructions and tool declarations come from it. */
  readonly spec: AgentSpec
  /** JSON that the run was started with. */
  readonly context?: Json
  /** The messages of a prefix of the conversation. */
  messages(base: Base): readonly Message[] | Promise<readonly Message[]>
  /** The run's own array of all messages, in the process of the loop: whoever gives it to the app's code gives a copy. */
  conversation?(): readonly Message[]
  /** `engine`: one attempt, and a retryable failure rejects. `here`: by the step's policy, in this process. */
  readonly retries: 'engine' | 'here'
  readonly attempt?: number
  readonly signal?: AbortSignal
  readonly heartbeat?: (details?: Json) => void
  readonly streams?: StreamSink
  readonly payloads?: PayloadStore
  /** What earlier model calls of the same conversation were shown. */
  readonly prompts?: PromptMemory
  /** Told of each chunk, besides `streams`. */
  readonly onChunk?: (chunk: StreamChunk) => void
  /** Beside `signal`, where many steps listen to one run. */
  readonly onStop?: OnStop
}

/** One attempt, as its executor sees it. */
export interface AttemptContext extends ExecuteContext {
  readonly definition: AgentDefinition
  readonly step: StepDescriptor
  readonly attemptNumber: number
  readonly attemptScope: Attempt
  readonly idempotencyKey: string
  readonly publisher: StepPublisher | undefined
}

/** All messages that a step is about. It may be the run's own array: whoever gives it away gives a copy. */
export async function conversationOf(
  { messages, conversation }: Pick<ExecuteContext, 'messages' | 'conversation'>,
  { base, append }: Pick<ModelInput, 'base' | 'append'>,
): Promise<readonly Message[]> {
  return conversation?.() ?? [...(await messages(base)), ...append]
}

/** The middleware of a kind; the first plugin's is the outermost. */
export function middlewareOf<K extends keyof StepMiddleware>(
  { plugins }: AgentDefinition,
  kind: K,
): NonNullable<StepMiddleware[K]>[] {
  return plugins.flatMap(({ middleware }) => middleware?.[kind] ?? [])
}

/** Middleware around the work. What it makes of a result must be JSON, as the record is. */
export async function throughMiddleware<Request extends { readonly stepId: string }, Result>(
  layers: readonly ((request: Request, next: (request: Request) => Promise<Result>) => Promise<Result>)[],
  request: Request,
  work: (request: Request) => Promise<Result>,
): Promise<Result> {
  const from = (index: number, now: Request): Promise<Result> => {
    const layer = layers[index]
    return layer ? layer(now, (next) => from(index + 1, next)) : work(now)
  }
  const result = await from(0, request)
  return layers.length === 0 ? result : (requireJson(result, `step ${request.stepId}: output of middleware`) as Result)
}
