/** What a durability plugin is told of the run that a step belongs to, and the scope that it may open around steps. */
import type { Json } from './json.ts'
import type { Message } from './message.ts'
import type { AgentSpec } from './spec.ts'
import type { Base } from './step-kinds.ts'
import type { StepDescriptor } from './step.ts'

/** How a run ended, or that it waits. A run that failed has no result: it rejects. */
export type ResultStatus = 'completed' | 'waiting' | 'limit' | 'cancelled'

/**
 * Opened by the loop around everything that hooks wrapped around a step, for all steps of a batch in one tick and in
 * their order, for its waits likewise; around a sub-agent; and around the whole run (a step of kind `agent` with the id `run`).
 */
export type StepScope = <T>(step: StepDescriptor, body: () => Promise<T>, run: RunInfo) => Promise<T>

/** The run, as a durability plugin is told of it. */
export interface RunInfo {
  readonly runId: string
  readonly agent: string
  /** Of the run, as it was pinned; known once it has started. */
  readonly spec: AgentSpec
  /** JSON that the run was started with. */
  readonly context: Json
  /** The messages of a prefix of this agent's conversation: for a worker that lacks them. */
  messages(base: Base): readonly Message[]
  readonly onWait: 'return' | 'block'
  /** A wait is recorded as open and not answered: observers are told of it now, since it can be answered from now on. */
  opened(waitId: string): void
  /** Aborts when the run is cancelled. */
  readonly signal: AbortSignal
  /** Cancel the run: running steps see it by their `signal`, and its result says `cancelled`. */
  cancel(reason?: string): void
}
