/** What observers are told: spans, logs and live views are made from it. */
import type { ErrorJson } from './errors.ts'
import type { Message } from './message.ts'
import type { ResultStatus } from './run-info.ts'
import type { StepDescriptor } from './step.ts'
import type { StepKind, StepOutput, WaitInput, WaitOutput } from './step-kinds.ts'

export type AgentEvent = AgentEventBase &
  (
    | { readonly type: 'run-started' }
    | { readonly type: 'run-finished'; readonly status: ResultStatus | 'failed'; readonly error?: ErrorJson }
    | { readonly type: 'message-added'; readonly message: Message }
    /** With phase `replay` it was found in the record, and nothing was done. */
    | { readonly type: 'step-started'; readonly step: StepDescriptor }
    | {
        readonly type: 'step-finished'
        readonly step: StepDescriptor
        /** Of kind `step.kind`; left out where there is an `error`. */
        readonly output?: StepOutput<StepKind>
        readonly error?: ErrorJson
      }
    | { readonly type: 'wait-opened'; readonly waitId: string; readonly input: WaitInput }
    | { readonly type: 'wait-settled'; readonly waitId: string; readonly output: WaitOutput }
  )

export interface AgentEventBase {
  /** Stable over replay: dedupe by it, since around a crash an event may be missed or told twice. */
  readonly id: { readonly runId: string; readonly seq: number }
  readonly phase: 'live' | 'replay'
  /** The agent's name; of a sub-agent its own. */
  readonly agent: string
}
