/** The plugin contracts. A plugin is a plain object from a factory: no base class, no registry. */
import type { Hooks } from './hooks/events.ts'
import type { Json } from './json.ts'
import type { Message } from './message.ts'
import type { AgentEvent } from './observe.ts'
import type { RunInfo, StepScope } from './run-info.ts'
import type { DurableStep, Step } from './step.ts'
import type { ModelInput, ModelOutput } from './step-kinds.ts'
import { wrapStep } from './step-wrap.ts'
import type { PayloadStore, StreamSink } from './stream.ts'

export interface AgentPlugin {
  /** Unique in an agent; it stands in step ids and errors. */
  readonly name: string
  /** One plugin of a run may have it. */
  readonly durability?: DurabilityPort
  /** In the loop, and again on replay: deterministic. */
  readonly hooks?: Hooks
  /** Inside the step, where the work is really done, once per attempt. */
  readonly middleware?: StepMiddleware
  /** Named I/O that its hooks ask for with `event.task()`. */
  readonly tasks?: { readonly [name: string]: TaskHandler }
  /** Told of what really happens. It must not throw; if it does, that is ignored. */
  readonly observe?: (event: AgentEvent) => void
  /** Tell `observe` of replayed events too. */
  readonly observeReplay?: boolean
  /** `pre`: hooks before, and middleware outside of, those of other plugins. `post`: after and inside. */
  readonly enforce?: 'pre' | 'post'
  dispose?(): Promise<void>
}

/** What a durability plugin says of itself. Data: nobody asks for a plugin's name. */
export interface DurabilityPort {
  /** For people: `sqlite`, `temporal`. */
  readonly engine: string
  /** `closure`: calls `step.run()` in this process. `name`: a worker executes the step's descriptor. */
  readonly dispatch: 'closure' | 'name'
  readonly supports: Supports
  /** Where the steps' streams go. */
  readonly streams?: StreamSink
  /** Where large payloads go. */
  readonly payloads?: PayloadStore
  /** The id of the run that the engine is in, where it has one; it goes before a made-up one. */
  currentRunId?(): string
  /** With `dispatch: 'name'`: whether what happens now is a replay. A closure engine need not tell: the loop sees it. */
  isReplaying?(): boolean
}

/** What an engine does. The conformance kit tests what is claimed; an agent that needs more is refused (`UNSUPPORTED`). */
export interface Supports {
  /** A person's answer, however long it takes. */
  readonly waits?: boolean
  readonly timers?: boolean
  /** A cancel reaches the `signal` of what is running. */
  readonly cancelRunning?: boolean
  /** Run-once by the engine itself. Without it the loop records a "started" marker first (closure engines only). */
  readonly once?: boolean
  /** The engine retries by `step.policy.retry`. Without it the execution does, in process. */
  readonly retries?: boolean
  /** Chunks of a running step can be read by another process. */
  readonly streams?: boolean
  /** Sub-agents as runs of their own. */
  readonly children?: boolean
  /** One process at a time has a run: another that takes it up is refused (`RUN_LOCKED`), or waits for its turn. */
  readonly ownership?: boolean
  /** The largest record that it takes, in bytes of JSON: a larger one is `PAYLOAD_TOO_LARGE` at once. */
  readonly recordBytes?: number
}

/** A durability plugin's places. `durable()` makes them into hooks. */
export interface DurablePlaces {
  /**
   * The innermost: for model, tool and task steps. Gives the step that the engine records: what `step.run()` resolves to
   * is stored under `executionId(step)` and given back in place of running.
   */
  execute(step: DurableStep, run: RunInfo): DurableStep
  /** What waiting is on this engine. Without it waits are refused. */
  wait?(step: Step<'wait'>, run: RunInfo): Step<'wait'>
  /** The outermost; see {@link StepScope}. */
  scope?: StepScope
}

/** A durability plugin's places as hooks. The loop calls them before all others, so that they are the innermost. */
export function durable(places: DurablePlaces): Hooks {
  // The loop hands over a DurableStep here: what a place records is opaque to it, so the types may differ.
  const record = async (event: { step: Step<'model'> | Step<'tool'> | Step<'task'>; run: { info: RunInfo } }) => {
    event.step = wrapStep(event.step as Step, (_, step) => {
      const recorded = places.execute(step as unknown as DurableStep, event.run.info)
      return recorded.run() as never
    }) as never
  }
  const { wait, scope } = places
  return {
    BeforeModelCall: record,
    BeforeToolCall: record,
    BeforeTask: record,
    ...(wait && {
      BeforeWait: async (event) => {
        event.step = wrapStep(event.step, (_, step) => wait(step, event.run.info).run())
      },
    }),
    ...(scope && { scope }),
  }
}

/** Wraps the execution of steps, where it is done: on a worker too. Runs once per attempt, never on replay. */
export interface StepMiddleware {
  model?(request: ModelRequest, next: (request: ModelRequest) => Promise<ModelOutput>): Promise<ModelOutput>
  tool?(request: ToolRequest, next: (request: ToolRequest) => Promise<Json>): Promise<Json>
  task?(request: TaskRequest, next: (request: TaskRequest) => Promise<Json>): Promise<Json>
}

/** What everything that is executed is told: middleware, tools, tasks. */
export interface ExecutionRequest {
  readonly runId: string
  readonly agent: string
  readonly stepId: string
  /** Which call of `step.run()` it is; what an engine or the policy repeats is an attempt of it. */
  readonly execution: number
  readonly attempt: number
  /** The same over attempts, executions and resumes: give it to the service that is called. */
  readonly idempotencyKey: string
  /** Aborts on cancel and on timeout. */
  readonly signal: AbortSignal
  /** JSON that the run was started with. */
  readonly context: Json
}

/** What a model is about to be shown. Change it freely: the conversation itself stays as it is. */
export interface ModelRequest extends ExecutionRequest {
  readonly input: ModelInput
  readonly instructions: string | undefined
  readonly messages: readonly Message[]
}

export interface ToolRequest extends ExecutionRequest {
  readonly name: string
  readonly input: Json
}

export interface TaskRequest extends ExecutionRequest {
  readonly name: string
  readonly input: Json
}

/** I/O of a hook. Its result is recorded: JSON, bytes, dates, URLs. */
export type TaskHandler = (input: unknown, context: TaskContext) => unknown

/** What a task is told; a tool is told the same, and can say how far it is. */
export type TaskContext = Omit<ExecutionRequest, 'agent'>
