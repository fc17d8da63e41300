/** What an application gives for runs on Lambda. */
import type { AgentRuns, OpenWait, PayloadStore, RunHandle, RunStatus, StreamSink, WaitInput } from '../../index.ts'

/** Cancels that were asked for, where both the handler and those who ask can reach them. */
export interface CancelStore {
  setCancel(runId: string, request: CancelRequest): Promise<void>
  getCancel(runId: string): Promise<CancelRequest | undefined>
}

export interface CancelRequest {
  readonly reason?: string
}

/** A wait that has been opened. */
export interface OpenedWait {
  readonly runId: string
  /** Idempotency key: the same wait may be told more than once. */
  readonly waitId: string
  /** What `SendDurableExecutionCallbackSuccess` wants; `lambdaRuns(…).get(runId).respond(waitId, …)` finds it by itself. */
  readonly callbackId: string
  readonly input: WaitInput
}

export interface LambdaOptions {
  /** Tell a person that somebody waits. Called at least once for each wait; it is tried again for an hour when it rejects. */
  readonly notify?: (wait: OpenedWait) => Promise<void> | void
  /** For records of more than 250 KB and results of more than 5.9 MB. Without it they are refused: `PAYLOAD_TOO_LARGE`. */
  readonly payloads?: PayloadStore
  /** Without it a run can be cancelled only while it waits for a person. */
  readonly cancels?: CancelStore
  /** Milliseconds between looks for a cancel while a step runs. Default: 1,000. */
  readonly cancelInterval?: number
  /** Where tokens go. Without it they are not published. */
  readonly streams?: StreamSink
  /** Milliseconds within which somebody has to send heartbeats for an open callback. Default: none are wanted. */
  readonly heartbeatTimeout?: number
  /** Operations that the execution may have. Default: 3,000, which is what the service allows. */
  readonly operations?: number
}

export interface LambdaRunsOptions {
  /** The durable function: its name or ARN, with a version or an alias behind it, so that a run stays with its code. */
  readonly functionName: string
  /** What the handler has, for what it put there. */
  readonly payloads?: PayloadStore
  readonly cancels?: CancelStore
  readonly streams?: StreamSink
  /** Milliseconds between looks for a result. Default: 1,000. */
  readonly interval?: number
  /** Milliseconds for which `respond()` and `cancel()` wait for a wait that is being opened. Default: 5,000. */
  readonly patience?: number
}

/** As {@link AgentRuns}, with what Lambda knows besides. */
export interface LambdaRuns extends AgentRuns {
  start(...args: Parameters<AgentRuns['start']>): Promise<LambdaRunHandle>
  get(runId: string): LambdaRunHandle
}

export interface LambdaRunHandle extends RunHandle {
  status(): Promise<LambdaRunStatus>
}

export interface LambdaRunStatus extends RunStatus {
  readonly waits: readonly LambdaOpenWait[]
}

export interface LambdaOpenWait extends OpenWait {
  /** For `SendDurableExecutionCallbackHeartbeat`; to answer, `respond()` wants the wait's id alone. */
  readonly callbackId: string
}
