/** Errors of ours as Temporal's failures, and back. */
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  TemporalFailure,
  TimeoutFailure,
} from '@temporalio/common'
import { isUnknownHere, unknownCode } from './names.ts'
import type { ErrorJson, StepDescriptor, StepRecord } from '../../index.ts'
import { errorToJson, fingerprint, HoldfastError, isHoldfastError } from '../../index.ts'

/** Throws an error as a failure that nothing tries again. */
export function refuse(error: ErrorJson): never {
  throw ApplicationFailure.create({
    message: error.message,
    type: error.code,
    nonRetryable: true,
    details: [error],
  })
}

/** What a run rejects with, as the workflow's own end. */
export function endOfRun(error: unknown): unknown {
  const cause = (error as { cause?: unknown } | undefined)?.cause
  // Temporal's own ways out of a workflow: they are no failures of the run.
  for (const inner of [error, cause]) if (isWayOut(inner)) return inner
  if (!isHoldfastError(error) || isHeld(error)) return error
  const json = errorToJson(error, 'HOOK_FAILED')
  return ApplicationFailure.create({ message: json.message, type: json.code, nonRetryable: true, details: [json] })
}

/**
 * Errors that hold a run and do not end it: as plain errors they fail the workflow task, which is tried again until
 * somebody has rolled back or fixed what differs.
 */
function isHeld({ code }: HoldfastError): boolean {
  return code === 'DIVERGED' || code === 'ENGINE_UNAVAILABLE' || code === 'STEP_NOT_RECORDED'
}

function isWayOut(error: unknown): boolean {
  return error instanceof TemporalFailure || (error as { name?: unknown } | undefined)?.name === 'ContinueAsNew'
}

/**
 * What an activity that failed means for its step. `lacking`: no worker knew it, nothing was done. `parked`: it lost its
 * worker again and again.
 */
export function recordOf(
  step: StepDescriptor,
  failure: unknown,
): StepRecord | { readonly lacking: ErrorJson } | { readonly parked: ErrorJson } {
  if (!(failure instanceof ActivityFailure)) throw failure
  const { cause } = failure
  if (cause instanceof CancelledFailure) {
    throw new HoldfastError({ code: 'CANCELLED', message: `step ${step.id} was cancelled`, cause: failure })
  }
  if (cause instanceof ApplicationFailure) {
    const [detail] = cause.details ?? []
    if (isRecord(detail)) return detail
    if (cause.type === 'RUN_PARKED') return { parked: detail as ErrorJson }
    if (cause.type && isUnknownHere(cause.type)) {
      return { lacking: { code: unknownCode(cause.type), kind: 'retryable', message: cause.message } }
    }
  }
  const once = step.policy.effect === 'once'
  const why = cause?.message ?? failure.message
  const timeout = cause instanceof TimeoutFailure
  return {
    of: fingerprint(step),
    error: {
      code: once ? 'OUTCOME_UNKNOWN' : timeout ? 'STEP_TIMEOUT' : FAILED[step.kind],
      kind: 'terminal',
      message: once
        ? `step ${step.id} had started, and its worker did not say how it ended (${why}): whether it took effect is not known`
        : `step ${step.id} failed: ${why}`,
      details: { step: step.id },
    },
  }
}

const FAILED = {
  model: 'MODEL_FAILED',
  tool: 'TOOL_FAILED',
  task: 'TASK_FAILED',
  wait: 'HOOK_FAILED',
  agent: 'TOOL_FAILED',
} as const

function isRecord(value: unknown): value is StepRecord {
  return typeof value === 'object' && value !== null && typeof (value as { of?: unknown }).of === 'string'
}
