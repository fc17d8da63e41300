/**
 * What crosses between workflow, worker and client, and the keys of the rows in the state store. A wire format: runs in
 * flight have it in their histories, so it only grows, and a change of meaning is a new `PROTOCOL`.
 */
import type {
  AgentSpec,
  ErrorJson,
  Json,
  Message,
  OpenWait,
  RunInput,
  StepDescriptor,
  StepRecord,
} from '../../index.ts'

export const PROTOCOL = 1
/** The name of the ready-made workflow. */
export const WORKFLOW = 'holdfast.agent'
/** The name of the one event that wakes a run. */
export const EVENT = 'holdfast'
/** Names of activities of our own. */
export const ANSWER = 'holdfast.answer'

/** Bytes of JSON. Dapr hangs with an activity's input over 2 MB and output over 4 MB, and refuses a workflow's over 4 MB. */
export const MAX_INPUT = 1_900_000
export const MAX_OUTPUT = 1_900_000
export const MAX_START = 3_800_000
/** Bytes of JSON of what goes through the history as it is; what is larger goes through the state store. */
export const INLINE = 64_000
/** The same, once the history has {@link MANY} bytes: a daprd as it is by default holds a run whose history has 4 MB. */
export const INLINE_LATER = 4_000
export const MANY = 1_000_000
/** Letters of JSON of one row, and of what a workflow gives as its output; what is longer goes into pages. */
export const PAGE_LETTERS = 600_000

/** The argument of the ready-made workflow. */
export interface AgentWorkflowInput {
  readonly version: number
  readonly runId: string
  readonly spec: AgentSpec
  readonly input: RunInput
  readonly context?: Json
  readonly messages?: readonly Message[]
  /** Tells this run from an earlier one with the same id that was deleted. */
  readonly nonce: string
  /** How the run is executed. */
  readonly options?: DaprRunOptions
  /** Of a run that went on as a new execution: the number of pages of what each one before did. */
  readonly past?: readonly number[]
  /** And whether its conversations are in rows, since a worker lacked one. */
  readonly rows?: true
}

/** In place of what is large: it is in the run's row. */
export interface HeldWorkflowInput extends Pick<AgentWorkflowInput, 'version' | 'runId' | 'nonce' | 'past' | 'rows'> {
  readonly held: true
}

/** Pinned in a run when it starts. */
export interface DaprRunOptions {
  /**
   * Activities after which a run goes on as a new execution of its workflow, at the end of a turn: each step costs Dapr time
   * for the whole history. Default: 50.
   */
  readonly continueAfter?: number
}

/** The argument of an activity that executes a step. */
export interface StepCall {
  readonly version: number
  readonly runId: string
  readonly nonce: string
  /** The agent that the worker has registered. */
  readonly root: string
  /** The agent whose step it is: `root`, or a sub-agent of it. */
  readonly agent: string
  /** Digest of the agent's spec, as it is pinned in the run. */
  readonly spec: string
  /** Where the run has no row that has them. */
  readonly pinned?: Pinned
  readonly step: StepDescriptor
  /** What is new of the step's conversation is left out, and in memory or in a row: its end. */
  readonly held?: ConversationEnd
  /** What is new of the step's conversation is not to be put into a row: a worker that lacks it says so. */
  readonly unwritten?: true
  /** The step's input is left out, and in rows: so many pages of its JSON. */
  readonly heldInput?: number
  /** Bytes of JSON up to which the record is given as it is. Default: `INLINE`. */
  readonly inline?: number
  /** Look whether the run was cancelled, however lately that was done: an event that came while it went on as a new execution is lost. */
  readonly look?: true
  readonly attempt: number
}

export interface ConversationEnd {
  readonly length: number
  readonly digest: string
}

export interface Pinned {
  readonly spec: AgentSpec
  readonly context: Json
}

/** What an activity says of a step. */
export type StepReply =
  | { readonly record: StepRecord }
  /** The record's JSON is in rows: so many pages, under this key. */
  | { readonly held: number; readonly key: string }
  /** The step's own failure, which is worth another attempt. */
  | { readonly failed: ErrorJson }
  /** Nothing was done: this worker does not know it, or lacks what it needs. */
  | { readonly lacking: ErrorJson }
  | { readonly cancelled: CancelRow }

export interface AnswerCall {
  readonly nonce: string
  readonly key: string
  /** Fingerprint of the wait; given back, so that a replay sees whether it still asks the same. */
  readonly of: string
  /** Nobody answered in time: close the wait, if it is open still. */
  readonly timedOut?: true
}

export interface AnswerReply {
  readonly of: string
  readonly row?: AnswerRow
}

/** The payload of {@link EVENT}. */
export type RunEvent =
  | { readonly type: 'answer'; readonly waitId: string }
  | { readonly type: 'cancel'; readonly reason?: string }
  | { readonly type: 'wake' }

/** The workflow's custom status. */
export interface LiveStatus {
  readonly agent: string
  readonly status: 'running' | 'waiting' | 'blocked' | 'failed'
  readonly waits: readonly OpenWait[]
  readonly error?: ErrorJson
}

/** The workflow's output: the result, or where it is. */
export type WorkflowOutput = { readonly result: Json } | { readonly pages: number }

/** What the row of a run has. */
export interface RunRow {
  readonly agent: string
  readonly nonce: string
  /** Digest of what it was started with. */
  readonly input: string
  /** The workflow's name, where that is one of the app's own. */
  readonly workflow?: string
  readonly start: AgentWorkflowInput
  readonly createdAt: string
  /** The id of its workflow. Dapr does not begin one anew that was purged, so another run of a deleted one's id has another. */
  readonly instance: string
  /** Where it is in the index. */
  readonly page: number
  /** How many runs of the id were deleted before. */
  readonly generation: number
}

/** What is left of a run that was deleted, for some minutes. */
export interface RunTomb {
  readonly generation: number
}

export type AnswerRow = { readonly answer: Json } | { readonly timedOut: true }

export interface CancelRow {
  readonly reason?: string
}

/** A part of a conversation, under the digest of all up to its end. */
export interface ConversationRow {
  readonly before: ConversationEnd
  /** Or pages of their JSON, under the same key. */
  readonly messages: readonly Message[] | number
}

export const runKey = (runId: string): string => `holdfast/run/${runId}`
export const indexKey = (part: number, page?: number): string =>
  `holdfast/index/${part}${page === undefined ? '' : `/${page}`}`
/** An answer is for the input that was shown: with another one the wait is asked anew. */
export const answerKey = (nonce: string, waitId: string, of: string): string =>
  `holdfast/answer/${nonce}/${waitId}/${of}`
/** That a wait was settled, whatever for. */
export const settledKey = (nonce: string, waitId: string): string => `holdfast/settled/${nonce}/${waitId}`
export const cancelKey = (nonce: string): string => `holdfast/cancel/${nonce}`
export const startedKey = (nonce: string, execution: string): string => `holdfast/started/${nonce}/${execution}`
export const conversationKey = (nonce: string, digest: string): string => `holdfast/messages/${nonce}/${digest}`
export const resultKey = (nonce: string): string => `holdfast/result/${nonce}`
/** What a step gave, where that is large; `once` tells the times apart that Dapr had one attempt executed. */
export const recordKey = (nonce: string, execution: string, attempt: number, once: string): string =>
  `holdfast/record/${nonce}/${execution}/${attempt}/${once}`
/** What a step is given, where that is large. */
export const inputKey = (nonce: string, execution: string): string => `holdfast/input/${nonce}/${execution}`
/** What an execution of the workflow did. */
export const pastKey = (nonce: string, part: number): string => `holdfast/past/${nonce}/${part}`
/** Who wrote rows of a run, and which. */
export const writersKey = (nonce: string): string => `holdfast/rows/${nonce}`
export const listKey = (nonce: string, writer: string, list: number): string =>
  `holdfast/rows/${nonce}/${writer}/${list}`

/** The id of a run's workflow: Dapr does not take all letters, and `~` is before how many runs of the id were deleted. */
export const instanceId = (runId: string, deleted = 0): string =>
  encodeURIComponent(runId).replaceAll('~', '%7E') + (deleted > 0 ? `~${deleted}` : '')

/** Bytes of a value as JSON. */
export function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value) ?? '')
}
