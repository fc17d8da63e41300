/** What a run is for those outside of it: its result, its handle, and the runs of an engine. */
import type { ErrorJson } from './errors.ts'
import type { Json } from './json.ts'
import type { Message, Usage, UserPart } from './message.ts'
import type { RunState } from './machine.ts'
import type { AgentPlugin } from './plugin.ts'
import type { ResultStatus } from './run-info.ts'
import type { AgentSpec } from './spec.ts'
import type { OpenWait } from './step-kinds.ts'
import type { StreamChunk } from './stream.ts'

/** What a run is started with: a text, or content parts. */
export type RunInput = string | readonly UserPart[]

export interface RunResult<Output = Json> {
  readonly runId: string
  readonly status: ResultStatus
  /** The last assistant text. */
  readonly text: string
  /** Validated structured output, if the agent asks for one and the run completed. */
  readonly output?: Output
  readonly messages: readonly Message[]
  /** Sum over all model calls, those of sub-agents included. */
  readonly usage: Usage
  /** Model calls made. */
  readonly turns: number
  /** What a person can answer, with status `waiting`. */
  readonly waits: readonly OpenWait[]
  /** Why a run was cancelled or which limit it reached. */
  readonly reason?: string
  /** The machine's state: complete, plain JSON. `agent.resume(state, answers)` goes on from it. */
  readonly state: RunState
}

/** `blocked`: it diverged, or lacks a tool or model; it goes on after a fix. */
export type RunStatusName = 'running' | 'blocked' | 'failed' | 'parked' | ResultStatus

export interface RunStatus {
  readonly runId: string
  readonly agent: string
  readonly status: RunStatusName
  readonly waits: readonly OpenWait[]
  /** With `failed`, `blocked` and `parked`. */
  readonly error?: ErrorJson
}

export interface RunSummary {
  readonly runId: string
  readonly agent: string
  readonly status: RunStatusName
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface RunOptions {
  /** What the engine knows the run by. A known one is taken up, or its result given. Made up when left out. */
  readonly runId?: string
  /** Cancels the run. */
  readonly signal?: AbortSignal
  /** A conversation to go on with. */
  readonly messages?: readonly Message[]
  /** JSON pinned in the run; hooks, tools and middleware get it. */
  readonly context?: Json
  /** Plugins for this run alone. */
  readonly plugins?: readonly AgentPlugin[]
  /** What a wait for a person does: `return` gives a result with status `waiting`; `block` goes on when it is answered. */
  readonly onWait?: 'return' | 'block'
}

export interface StartOptions {
  readonly runId: string
  readonly context?: Json
  readonly messages?: readonly Message[]
  /** A workflow of the app's own, on engines that have workflows. */
  readonly workflow?: string
}

/** An agent, as those who start and take up runs need it. `Agent` is one. */
export interface RunnableAgent {
  readonly name: string
  describe(): AgentSpec
  run(input: RunInput, options?: RunOptions): Promise<RunResult>
}

/** Runs, on any engine. */
export interface AgentRuns {
  /** @throws `RUN_CONFLICT` for a `runId` that is known with another input */
  start(agent: RunnableAgent, input: RunInput, options: StartOptions): Promise<RunHandle>
  get(runId: string): RunHandle
  list(filter?: { readonly status?: RunStatusName; readonly agent?: string }): AsyncIterable<RunSummary>
  /** Ends it if it runs, and forgets it. */
  delete(runId: string): Promise<void>
}

export interface RunHandle {
  readonly runId: string
  /** @throws `RUN_NOT_FOUND` */
  status(): Promise<RunStatus>
  /** Settles when the run has ended; rejects as the run did. */
  result(): Promise<RunResult>
  /**
   * Answer a wait. Resolves when the answer is recorded.
   * @throws `WAIT_NOT_FOUND` (not asked, or not yet), `WAIT_ANSWERED`, `ANSWER_INVALID`, `ENGINE_UNAVAILABLE`
   */
  respond(waitId: string, answer: unknown): Promise<void>
  /** Ask the run to stop; the running tool and model see it by their `signal`. */
  cancel(reason?: string): Promise<void>
  /** What the run says, as it says it. `from` is the `cursor` of a chunk: reading goes on after it. */
  events(options?: { readonly from?: string; readonly signal?: AbortSignal }): AsyncIterable<StreamChunk>
}
