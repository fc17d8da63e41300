/** Errors of runs across the service, which keeps a type, a message and a text. */
import { DurableOperationError } from '@aws/durable-execution-sdk-js'
import type { ErrorJson } from '../../index.ts'
import { errorFromJson, errorToJson, HoldfastError, isHoldfastError } from '../../index.ts'
import { sizeOf } from './protocol.ts'

/** Bytes of an error's details and causes: what is larger is left out. */
const MAX_DATA = 100_000

/** How an execution fails: with our code as its type, and all of our error as its data. */
export class AgentRunFailure extends DurableOperationError {
  override readonly errorType: string

  constructor(error: unknown) {
    const json = errorToJson(error, 'HOOK_FAILED')
    const { code, kind, message } = json
    const text = JSON.stringify(json)
    super(message, undefined, sizeOf(text) <= MAX_DATA ? text : JSON.stringify({ code, kind, message }))
    this.errorType = code
  }
}

/** An error as the service tells it. */
export interface ServiceError {
  readonly ErrorType?: string | undefined
  readonly ErrorMessage?: string | undefined
  readonly ErrorData?: string | undefined
}

/** As one of ours, where it was. */
export function ownError(error: ServiceError | undefined): ErrorJson | undefined {
  return parse(error?.ErrorData)
}

export function failureOf(runId: string, error: ServiceError | undefined): HoldfastError {
  const own = parse(error?.ErrorData)
  if (own) return errorFromJson(own)
  const type = error?.ErrorType ?? 'the execution failed'
  return new HoldfastError({
    code: 'HOOK_FAILED',
    message: `run '${runId}' failed: ${type}: ${error?.ErrorMessage ?? 'the service does not say why'}`,
    details: { runId },
  })
}

function parse(data: string | undefined): ErrorJson | undefined {
  try {
    const json = JSON.parse(data ?? '') as ErrorJson | null
    return typeof json?.code === 'string' ? json : undefined
  } catch {
    return undefined
  }
}

/** Errors that hold a run and do not end it: a roll-back, another deploy or the engine's return lets it go on. */
const HELD: ReadonlySet<string> = new Set([
  'DIVERGED',
  'ENGINE_UNAVAILABLE',
  'STEP_NOT_RECORDED',
  'TOOL_UNKNOWN',
  'MODEL_UNKNOWN',
  'TASK_UNKNOWN',
])

/** Of those, the ones that stay until somebody deploys something: another invocation of the same code meets them again. */
export function isBlocked({ code }: HoldfastError): boolean {
  return code === 'DIVERGED' || code === 'STEP_NOT_RECORDED'
}

export function isHeld(error: unknown): error is HoldfastError {
  return isHoldfastError(error) && HELD.has(error.code)
}

/** What the client of the service rejects with, as an error of ours. */
export function clientError(error: unknown, what: string): HoldfastError {
  if (isHoldfastError(error)) return error
  const { name, message } = error as Error
  return new HoldfastError({
    code: name === 'RequestTooLargeException' ? 'PAYLOAD_TOO_LARGE' : 'ENGINE_UNAVAILABLE',
    kind: name === 'RequestTooLargeException' ? 'terminal' : 'retryable',
    message: `${what}: ${name}: ${message}`,
    cause: error,
  })
}

export function notFound(runId: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'RUN_NOT_FOUND',
    message: `run '${runId}' is not known: it was not started on this function, or the service has forgotten it.`,
    details: { runId },
    ...(cause !== undefined && { cause }),
  })
}
