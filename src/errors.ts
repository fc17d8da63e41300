/** Every error that Holdfast gives: one class, a stable `code`, a `kind` that engines act upon. */
import type { Json } from './json-value.ts'

/** The stable codes. Each has a heading in `docs/errors.md`. */
export type ErrorCode =
  | 'STEP_CLOSURE_LOST'
  | 'STEP_NOT_RECORDED'
  | 'DURABILITY_CONFLICT'
  | 'NO_ENGINE_CONTEXT'
  | 'UNSUPPORTED'
  | 'NOT_JSON'
  | 'PAYLOAD_TOO_LARGE'
  | 'DIVERGED'
  | 'RUN_CONFLICT'
  | 'RUN_NOT_FOUND'
  | 'RUN_LOCKED'
  | 'RUN_PARKED'
  | 'JOURNAL_CORRUPT'
  | 'JOURNAL_FULL'
  | 'JOURNAL_UNUSABLE'
  | 'WAIT_NOT_FOUND'
  | 'WAIT_ANSWERED'
  | 'ANSWER_INVALID'
  | 'ENGINE_UNAVAILABLE'
  | 'TOOL_UNKNOWN'
  | 'TOOL_FAILED'
  | 'TOOL_INPUT_INVALID'
  | 'MODEL_UNKNOWN'
  | 'MODEL_FAILED'
  | 'TASK_UNKNOWN'
  | 'TASK_FAILED'
  | 'HOOK_FAILED'
  | 'STEP_DENIED'
  | 'STEP_TIMEOUT'
  | 'OUTCOME_UNKNOWN'
  | 'OUTPUT_INVALID'
  | 'LIMIT_REACHED'
  | 'CANCELLED'
  | 'SUSPENDED'
  | 'CONFIG_INVALID'

/**
 * What an engine does about an error. `terminal`: record it, never try again. `retryable`: try again, after
 * `retryAfter` if it is given. `suspended`: not a failure, the run waits for a person or a timer; let it pass.
 */
export type ErrorKind = 'terminal' | 'retryable' | 'suspended'

/** An error as it crosses a boundary. */
export interface ErrorJson {
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly message: string
  readonly details?: Json
  /** Milliseconds, with `retryable` alone. */
  readonly retryAfter?: number
  readonly cause?: CauseJson
}

export interface CauseJson {
  readonly name: string
  readonly message: string
  readonly cause?: CauseJson
}

export interface HoldfastErrorOptions {
  readonly code: ErrorCode
  readonly message: string
  /** `terminal` unless said otherwise. */
  readonly kind?: ErrorKind
  readonly details?: Json
  /** Milliseconds to wait before the next try. */
  readonly retryAfter?: number
  readonly cause?: unknown
}

/** Guard by `code` with {@link isHoldfastError}, not by `instanceof`: a workflow sandbox is another realm. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError'
  readonly code: ErrorCode
  readonly kind: ErrorKind
  readonly details?: Json
  readonly retryAfter?: number

  constructor(options: HoldfastErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = options.code
    this.kind = options.kind ?? 'terminal'
    if (options.details !== undefined) this.details = options.details
    if (options.retryAfter !== undefined) this.retryAfter = options.retryAfter
  }
}

/** Whether an error is ours, of any realm; with `code`, whether it is that one. */
export function isHoldfastError(error: unknown, code?: ErrorCode): error is HoldfastError {
  if (!isErrorLike(error) || error.name !== 'HoldfastError') return false
  const own = (error as { code?: unknown }).code
  return typeof own === 'string' && (code === undefined || own === code)
}

/**
 * Whether an error means "the run waits": a `catch` of your own should throw it on.
 *
 *     catch (error) { if (isSuspended(error)) throw error; … }
 */
export function isSuspended(error: unknown): boolean {
  return isHoldfastError(error) && error.kind === 'suspended'
}

/** An error as JSON, ready for a record. What is not ours becomes `fallback`, its name and message kept as the cause. */
export function errorToJson(error: unknown, fallback: ErrorCode): ErrorJson {
  const own = isHoldfastError(error) ? error : wrapError(error, fallback)
  return {
    code: own.code,
    kind: own.kind,
    message: own.message,
    ...(own.details !== undefined && { details: own.details }),
    ...(own.retryAfter !== undefined && { retryAfter: own.retryAfter }),
    ...(own.cause !== undefined && { cause: causeToJson(own.cause, 0) }),
  }
}

/** The error that `errorToJson` was given; its `cause` is an `Error` with the same name and message. */
export function errorFromJson(json: ErrorJson): HoldfastError {
  const { cause, ...rest } = json
  return new HoldfastError({ ...rest, ...(cause && { cause: causeFromJson(cause) }) })
}

/** Any thrown value as a `HoldfastError`: ours as it is, another as a terminal `code` with it as the cause. */
export function wrapError(error: unknown, code: ErrorCode, prefix = ''): HoldfastError {
  if (isHoldfastError(error)) return error
  const message = isErrorLike(error) ? error.message : String(error)
  return new HoldfastError({ code, message: prefix + message, cause: error })
}

const STEP_FAILURES = new Set<ErrorCode>([
  'TOOL_FAILED',
  'TOOL_INPUT_INVALID',
  'MODEL_FAILED',
  'TASK_FAILED',
  'STEP_DENIED',
  'STEP_TIMEOUT',
  'OUTCOME_UNKNOWN',
  'OUTPUT_INVALID',
  'LIMIT_REACHED',
  'NOT_JSON',
  'PAYLOAD_TOO_LARGE',
  'HOOK_FAILED',
  'CONFIG_INVALID',
  'UNSUPPORTED',
])

/**
 * Whether an error is no outcome of a step but says that the run itself can't go on: it is never told to a model. A run that
 * rejects with one has not failed: an engine holds it, and tries again later (`DIVERGED`, `TOOL_UNKNOWN`, `ENGINE_UNAVAILABLE`).
 */
export function isEngineFailure(error: unknown): error is HoldfastError {
  return isHoldfastError(error) && !isSuspended(error) && !STEP_FAILURES.has(error.code)
}

function isErrorLike(error: unknown): error is Error {
  return typeof error === 'object' && error !== null && typeof (error as Error).message === 'string'
}

const MAX_CAUSES = 8

function causeToJson(cause: unknown, depth: number): CauseJson {
  if (!isErrorLike(cause)) return { name: typeof cause, message: String(cause) }
  const inner = cause.cause
  const nested = inner !== undefined && depth < MAX_CAUSES ? causeToJson(inner, depth + 1) : undefined
  return { name: String(cause.name), message: cause.message, ...(nested && { cause: nested }) }
}

function causeFromJson(json: CauseJson): Error {
  const error = new Error(json.message, json.cause && { cause: causeFromJson(json.cause) })
  error.name = json.name
  return error
}
