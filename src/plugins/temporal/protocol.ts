/**
 * What crosses between workflow, worker and client. A wire format: runs in flight have it in their histories, so it only
 * grows, and a change of meaning is a new `PROTOCOL`.
 */
import type {
  AgentSpec,
  Base,
  ErrorJson,
  Json,
  Message,
  OpenWait,
  RunInput,
  RunResult,
  StepDescriptor,
  StepRecord,
} from '../../index.ts'

export const PROTOCOL = 1
/** Of calls that name what a worker may have in place of repeating it. */
export const NAMING_PROTOCOL = 2
export const WORKFLOW = 'agentWorkflow'
/** The key of the memo that every run has. */
export const MEMO = 'holdfast'

export const RESPOND = 'holdfast_respond'
export const CANCEL = 'holdfast_cancel'
export const STATUS = 'holdfast_status'
export const MESSAGES = 'holdfast_messages'
export const PINNED = 'holdfast_pinned'
export const CANCELLED = 'holdfast_cancelled'
export const UNPARK = 'holdfast_unpark'
export const RESULT_MESSAGES = 'holdfast_result_messages'
/** The name of the sinks that events go through, out of the sandbox. */
export const SINKS = 'holdfast'

/** Bytes of JSON that one payload may have: the server's limit is 2 MiB, of the encoded payload with its metadata. */
export const MAX_PAYLOAD = 1_900_000
/** Bytes that are scheduled in one workflow task: over 4 MB the server ends the workflow. */
export const MAX_TASK = 3_000_000
/** Bytes of JSON of one page of an answer to a Query. */
const PAGE = 1_500_000

/** How steps become activities; pinned in the run when it starts. Durations in milliseconds. */
export interface TemporalRunOptions {
  /** A worker that says nothing for this long counts as lost. Default: 5,000. */
  readonly heartbeatTimeout?: number
  /** The longest that one attempt of a step without a timeout of its own may take. Default: 30 days. */
  readonly stepTimeout?: number
  /** Events after which the run goes on as a new workflow run, at the end of a turn. Default: when the server suggests it. */
  readonly continueAfter?: number
  /**
   * Set the search attributes `HoldfastAgent` and `HoldfastStatus` (Keyword) and `HoldfastModel` (KeywordList), so that runs
   * are found by them. They have to be registered on the server. Default: false.
   */
  readonly searchAttributes?: boolean
  /** Let the server hand activities to the worker that asked for them. Default: true. */
  readonly eagerActivities?: boolean
  /** Attempts of one step that may lose their worker before the run is parked. Default: 3. */
  readonly parkAfter?: number
  /**
   * Bytes from which a payload is kept in Temporal's ExternalStorage, so that it may have any size. Default: as the client
   * that starts the run has it. The workers must have the same storage.
   */
  readonly externalStorage?: number
}

/** The argument of `agentWorkflow`, and of a workflow of one's own that `start(…, { workflow })` names. */
export interface AgentWorkflowInput {
  readonly version: number
  readonly spec: AgentSpec
  readonly input: RunInput
  readonly context?: Json
  readonly messages?: readonly Message[]
  readonly options?: TemporalRunOptions
  /** Of a run that went on as a new workflow run: what it has done. */
  readonly carried?: Carried
}

/** What a workflow of a run gives: a client makes a `RunResult` of it. */
export interface WorkflowResult extends RunResult {
  /** What is left out of `messages` because a step gave it, as in a `StepCall`: it stands in the history. */
  readonly named?: { readonly [place: string]: string }
}

export interface Carried {
  readonly records: { readonly [execution: string]: StepRecord }
  readonly waits: { readonly [waitId: string]: Json }
}

/** What an activity gives: the record, and a name for it that no other execution has, retries included. */
export type NamedRecord = StepRecord & { readonly name?: string }

/** The argument of an activity. */
export interface StepCall {
  readonly version: number
  readonly runId: string
  /** The agent that the worker has registered. */
  readonly root: string
  /** The agent whose step it is: `root`, or a sub-agent of it. */
  readonly agent: string
  /** Digest of the agent's spec as it is pinned in the run; the worker has it, or asks. */
  readonly spec: string
  /** Of the run; left out where it is large: the worker asks. */
  readonly context?: Json
  readonly step: StepDescriptor
  /** The step's `append` is left out: the worker asks. */
  readonly held?: true
  /**
   * What is left out of `append` because a step gave it: names of records, by place. `0`: the whole message, which a model
   * said; `1.2`: the output of a tool, in the third part of the second message. A worker that has not got them asks.
   */
  readonly named?: { readonly [place: string]: string }
  /** Attempts that may lose their worker. Default: 3. */
  readonly parkAfter?: number
}

/** A worker asks the run for a conversation. */
export interface MessagesQuery {
  /** Whose input it is: an execution that is scheduled. */
  readonly execution: string
  /** What the worker has of it already. */
  readonly known?: Base
  readonly offset: number
}

/** A part of the JSON of the messages from `from` on. */
export interface MessagesPage {
  readonly from: number
  readonly text: string
  readonly total: number
}

export interface PinnedAnswer {
  readonly spec: AgentSpec
  readonly context: Json
}

export interface StatusAnswer {
  readonly agent: string
  readonly status: 'running' | 'waiting' | 'blocked' | 'parked'
  readonly waits: readonly OpenWait[]
  /** With `blocked` and `parked`. */
  readonly error?: ErrorJson
}

export interface RespondArgument {
  readonly waitId: string
  readonly answer: Json
}

export interface RunMemo {
  readonly agent: string
  readonly models: readonly string[]
  /** Digest of what the run was started with. */
  readonly input: string
  readonly status: string
}

/** A page of a text: as much as an answer takes, cut where no letter is torn apart. */
export function pageOf(text: string, offset: number): string {
  for (let letters = PAGE; ; letters = Math.floor(letters / 2)) {
    let end = Math.min(offset + letters, text.length)
    const last = text.charCodeAt(end - 1)
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end--
    const page = text.slice(offset, end)
    // Quotes are escaped once more, and letters have up to three bytes.
    if (sizeOf(page) <= PAGE) return page
  }
}

/** Bytes of JSON that one payload of a run may have. */
export function payloadLimit({ externalStorage }: TemporalRunOptions): number {
  return isStored(MAX_PAYLOAD, externalStorage) ? Number.POSITIVE_INFINITY : MAX_PAYLOAD
}

/** Bytes that a payload has where it is sent: a stored one is a reference. */
export function sentSize(size: number, { externalStorage }: TemporalRunOptions): number {
  return isStored(size, externalStorage) ? REFERENCE : size
}

const REFERENCE = 1_000

function isStored(size: number, threshold: number | undefined): boolean {
  return threshold !== undefined && size >= threshold
}

/** Bytes of a value as JSON. */
export function sizeOf(value: unknown): number {
  return new TextEncoder().encode(JSON.stringify(value) ?? '').length
}
