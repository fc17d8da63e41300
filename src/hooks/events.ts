/**
 * The hooks of an agent. All are async and awaited one after the other: those of plugins with `enforce: 'pre'` first,
 * then in the order of registration, `post` last; After… hooks in reverse.
 *
 * Hooks run in the loop, and run again when a run is taken up: they must be deterministic. No clock, no randomness, no
 * I/O of their own: for I/O there is `event.task()`, for memory `event.run.state`. What a hook throws fails the run with
 * `HOOK_FAILED`, the plugin's name and the cause; a suspension (`isSuspended(error)`) must be let pass.
 */
import type { HoldfastError } from '../errors.ts'
import type { Json } from '../json.ts'
import type { Message, Usage } from '../message.ts'
import type { ResultStatus, RunInfo, StepScope } from '../run-info.ts'
import type { Step } from '../step.ts'
import type { StepKind, StepOutput } from '../step-kinds.ts'

export interface HookEvents {
  BeforeInvocation: BeforeInvocationEvent
  AfterInvocation: AfterInvocationEvent
  BeforeModelCall: BeforeModelCallEvent
  AfterModelCall: AfterModelCallEvent
  BeforeToolCall: BeforeToolCallEvent
  AfterToolCall: AfterToolCallEvent
  BeforeWait: BeforeWaitEvent
  AfterWait: AfterWaitEvent
  BeforeAgentCall: BeforeAgentCallEvent
  AfterAgentCall: AfterAgentCallEvent
  BeforeTask: BeforeTaskEvent
  AfterTask: AfterTaskEvent
  MessageAdded: MessageAddedEvent
}

export type HookName = keyof HookEvents

export type Hook<N extends HookName> = (event: HookEvents[N]) => Promise<void> | void

/** A plugin's hooks. `scope` is no event: it is a durability plugin's place, made by `durable()`. */
export type Hooks = { readonly [N in HookName]?: Hook<N> } & { readonly scope?: StepScope }

/** The run, as a hook sees it. */
export interface HookRun {
  readonly runId: string
  /** The agent's name; in a sub-agent its own. */
  readonly agent: string
  /** Model calls so far, the one that is about to be made included. */
  readonly turn: number
  /** JSON that the run was started with. */
  readonly context: Json
  /** Messages of the conversation so far. Frozen. */
  readonly messages: readonly Message[]
  readonly usage: Usage
  /** This plugin's own JSON, kept with the run; `undefined` at first. Assign it, or change it in place. */
  // biome-ignore lint/suspicious/noExplicitAny: the plugin alone knows its shape
  state: any
  /** Compact the conversation before the next model call; does nothing for an agent without `compact`. */
  compact(): void
  readonly info: RunInfo
}

export interface InterruptRequest {
  /** Part of the wait's id: distinct among this plugin's interrupts of one step. */
  readonly name: string
  /** Shown to the person. */
  readonly data?: unknown
  /** A Standard Schema with JSON Schema, or a JSON Schema; answers that do not fit are refused. */
  readonly schema?: unknown
  /** A duration: milliseconds, or `'30s'`, `'2h'`, `'1d'`. */
  readonly timeout?: number | string
  /** What `interrupt()` gives after the timeout; without it, it throws `STEP_TIMEOUT`. */
  readonly onTimeout?: { readonly answer: unknown }
}

interface BeforeEvent<K extends StepKind> {
  /** The seam: put a Step of the same kind and id in its place (`wrapStep`, `withInput`, `settledStep`). */
  step: Step<K>
  readonly run: HookRun
  /** End the run after this hook with status `cancelled`. */
  cancelRun(reason: string): void
}

interface Asking {
  /**
   * Ask a person; gives the answer. The hook is left by a suspension until it is answered, and then runs again from its
   * start, with `run.state` as it was.
   */
  interrupt(request: InterruptRequest): Promise<unknown>
  /** Do named I/O of this plugin's `tasks`, as a recorded step; gives what it gave, also on replay. */
  task(name: string, input?: unknown): Promise<unknown>
  /** A durable timer. */
  sleep(duration: number | string): Promise<void>
}

interface Deniable {
  /** Don't do it; the model is told the reason. */
  denyStep(reason: string): void
}

interface AfterEvent<K extends StepKind> {
  readonly step: Step<K>
  readonly run: HookRun
  readonly outcome: StepOutcome<K>
}

interface Retryable {
  /** Run the step again, as another execution (`3/model#2`); the After… hooks follow again. */
  retry(): void
}

export type StepOutcome<K extends StepKind> =
  | { readonly status: 'ok'; readonly output: StepOutput<K> }
  | { readonly status: 'error'; readonly error: HoldfastError }

/**
 * When: a run or an inline sub-agent begins, before anything else of it.
 * May change: `run.state`; it may ask, do tasks, cancel. `step` is the whole run: wrap it to be around all of it.
 * Errors: fail the run. Replay: runs again, also where a run goes on by `resume()`: what it asked for is kept, and what it does
 * to `run.state` is not done twice.
 */
export interface BeforeInvocationEvent extends BeforeEvent<'agent'>, Asking {}

/**
 * When: a run or an inline sub-agent has ended, whichever way, but for a run that waits.
 * May change: `run.state`. Errors: fail the run, unless it failed already. Replay: runs again.
 */
export interface AfterInvocationEvent {
  readonly run: HookRun
  readonly status: ResultStatus | 'failed'
  readonly error?: HoldfastError
}

/**
 * When: before a model is asked. May change: `step` (with `withInput` the model, its settings and the active tools; the
 * conversation not: what a model is shown is the business of middleware), `run.state`.
 * Errors: fail the run. Replay: runs again, around the recorded reply.
 */
export interface BeforeModelCallEvent extends BeforeEvent<'model'>, Asking {
  /** There is nobody to tell: the run ends, as by `cancelRun(reason)`. */
  denyStep(reason: string): void
}

/**
 * When: the model has replied or failed. May change: `run.state`; `retry()` asks it again.
 * Errors: fail the run. Replay: runs again.
 */
export interface AfterModelCallEvent extends AfterEvent<'model'>, Retryable {}

/**
 * When: before a tool runs; for a batch of calls, one after the other in the order of the calls, before any of them
 * starts. May change: `step`, `run.state`; `denyStep` refuses the call.
 * Errors: fail the run. Replay: runs again; and once more after the batch's waits are answered.
 */
export interface BeforeToolCallEvent extends BeforeEvent<'tool'>, Asking, Deniable {
  readonly toolCallId: string
}

/**
 * When: all tools of the batch have settled; in the order of the calls. May change: `run.state`; `retry()` runs it again
 * (never a `once` tool whose outcome is unknown).
 * Errors: fail the run. Replay: runs again.
 */
export interface AfterToolCallEvent extends AfterEvent<'tool'>, Retryable {
  readonly toolCallId: string
}

/**
 * When: before a wait opens: an approval, an interrupt, a timer. May change: `step` (a policy that answers by itself uses
 * `settledStep`). Errors: fail the run. Replay: runs again.
 */
export interface BeforeWaitEvent extends BeforeEvent<'wait'> {}

/** When: the wait is answered or timed out. May change: `run.state`. Errors: fail the run. Replay: runs again. */
export interface AfterWaitEvent extends AfterEvent<'wait'> {}

/**
 * When: before a sub-agent runs, at its place in the batch of tool calls. May change: `step`, `run.state`.
 * Errors: fail the run. Replay: runs again.
 */
export interface BeforeAgentCallEvent extends BeforeEvent<'agent'>, Asking, Deniable {
  readonly toolCallId: string
}

/** When: the batch of the sub-agent has settled. May change: `run.state`. Errors: fail the run. Replay: runs again. */
export interface AfterAgentCallEvent extends AfterEvent<'agent'> {
  readonly toolCallId: string
}

/**
 * When: before a task: of a hook, or of the loop itself (`holdfast.start` pins what the run is; `holdfast.reconcile`,
 * `holdfast.approval`, `holdfast.compact`). May change: `step`.
 * Errors: fail the run. Replay: runs again.
 */
export interface BeforeTaskEvent extends BeforeEvent<'task'>, Deniable {}

/** When: the task has settled. May change: `run.state`. Errors: fail the run. Replay: runs again. */
export interface AfterTaskEvent extends AfterEvent<'task'> {}

/**
 * When: a message joined the conversation. May change: `run.state`. Errors: fail the run. Replay: runs again.
 */
export interface MessageAddedEvent {
  readonly run: HookRun
  readonly message: Message
  /** Its place in the conversation. */
  readonly index: number
}
