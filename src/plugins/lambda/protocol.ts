/** What goes over the wire between clients and the handler, and what the service allows. A wire format: runs are in flight. */
import type { Message, RunInput, RunState } from '../../index.ts'
import type { Json } from '../../json.ts'

/** What an execution is started with. */
export interface AgentRunEvent {
  readonly version: 1
  readonly runId: string
  readonly agent: string
  readonly input: RunInput
  readonly context?: Json
  readonly messages?: readonly Message[]
}

/** What an execution ends with: the run's state, or where it is. */
export interface AgentRunOutput {
  readonly version: 1
  readonly state?: RunState
  /** In the payload store. */
  readonly ref?: string
}

/** What the answer of a callback is in place of a person's, when the run is cancelled while it waits. */
export interface CancelAnswer {
  readonly $holdfast: 'cancelled'
  readonly reason?: string
}

export function isCancelAnswer(value: unknown): value is CancelAnswer {
  return (value as CancelAnswer | null)?.$holdfast === 'cancelled'
}

/** Bytes of JSON. The service takes 256 KiB, and fails the whole run for more; its own envelope needs some of it. */
export const MAX_RECORD = 250_000
/** Bytes of JSON of the run's state. The service takes 6 MB. */
export const MAX_RESULT = 5_900_000
/** Operations of one execution that the service allows. */
export const MAX_OPERATIONS = 3_000
/** Parts of them without which no turn is begun, and no further step of one: what is under way can end. */
export const SPARE_FOR_TURN = 0.05
export const SPARE_FOR_STEP = 0.01

/** The step of a run that is held. */
export const HELD = 'held'

/** The step that tells of a wait, and keeps what it is about. */
export function openedName(waitId: string): string {
  return `${waitId}/opened`
}

export function sizeOf(text: string): number {
  return Buffer.byteLength(text)
}
