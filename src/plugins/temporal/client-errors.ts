/** What Temporal's client rejects with, as errors of ours. */
import {
  isGrpcServiceError,
  WorkflowFailedError,
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client'
import { ApplicationFailure, CancelledFailure, TerminatedFailure, TimeoutFailure } from '@temporalio/common'
import type { ErrorJson } from '../../index.ts'
import { errorFromJson, HoldfastError, isHoldfastError } from '../../index.ts'

// Status codes of gRPC.
export const ALREADY_EXISTS = 6
const DEADLINE_EXCEEDED = 4
const NOT_FOUND = 5
const CANCELLED = 1

export function unavailable(error: unknown, what: string): HoldfastError {
  if (isHoldfastError(error)) return error
  return new HoldfastError({
    code: 'ENGINE_UNAVAILABLE',
    kind: 'retryable',
    message: `${what}: ${error instanceof Error ? error.message : String(error)}. Is the Temporal server there?`,
    cause: error,
  })
}

export function notFound(runId: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'RUN_NOT_FOUND',
    message: `run '${runId}' is not known on this server, or it was forgotten after the namespace's retention.`,
    details: { runId },
    ...(cause !== undefined && { cause }),
  })
}

/** No worker took the request in time. */
export function noWorker(runId: string, patience: number, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'ENGINE_UNAVAILABLE',
    kind: 'retryable',
    message: `no worker took it within ${patience} ms: is one running that knows the workflow of run '${runId}'? Ask again when it is.`,
    details: { runId, patience },
    cause,
  })
}

export function isNotFound(error: unknown): boolean {
  return error instanceof WorkflowNotFoundError || hasCode(error, [NOT_FOUND])
}

/** The client wraps some failures of gRPC and not others. */
function hasCode(error: unknown, codes: readonly number[]): boolean {
  if (isGrpcServiceError(error) && codes.includes(error.code)) return true
  const { cause } = (error ?? {}) as { readonly cause?: unknown }
  return cause !== undefined && hasCode(cause, codes)
}

export function isTimeout(error: unknown): boolean {
  return error instanceof WorkflowUpdateRPCTimeoutOrCancelledError || hasCode(error, [DEADLINE_EXCEEDED, CANCELLED])
}

/** Whether it says that the run has ended, without a result. */
export function isEnd(error: unknown): boolean {
  return error instanceof WorkflowFailedError
}

/** The error that a failure of Temporal carries, if it is ours. */
export function ownError(failure: unknown): HoldfastError | undefined {
  const inner =
    failure instanceof WorkflowFailedError || failure instanceof WorkflowUpdateFailedError ? failure.cause : failure
  if (!(inner instanceof ApplicationFailure)) return undefined
  const [json] = inner.details ?? []
  const known = json as ErrorJson | undefined
  return known && known.code === inner.type ? errorFromJson(known) : undefined
}

/** Why a run has no result. */
export function failureOf(runId: string, error: unknown): HoldfastError {
  if (isHoldfastError(error)) return error
  const own = ownError(error)
  if (own) return own
  if (isNotFound(error)) return notFound(runId, error)
  if (!(error instanceof WorkflowFailedError)) return unavailable(error, `the result of run '${runId}' can't be had`)
  const { cause } = error
  const stopped =
    cause instanceof TerminatedFailure || cause instanceof CancelledFailure || cause instanceof TimeoutFailure
  return new HoldfastError({
    code: stopped ? 'CANCELLED' : 'HOOK_FAILED',
    message: `the workflow of run '${runId}' ended without a result: ${cause?.message ?? error.message}`,
    details: { runId },
    cause: error,
  })
}
