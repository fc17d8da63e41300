/** Code of the app's, as a step runs it: a tool, a task, a function of a tool's declaration. */
import type { ErrorCode } from '../errors.ts'
import { HoldfastError, isEngineFailure, isSuspended } from '../errors.ts'

/**
 * What it throws is an outcome of its step. An error of ours that would stop the run is about another run, which the code
 * started or asked for: it is kept as the cause of a plain failure.
 */
export async function runOwnCode<T>(code: ErrorCode, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!isEngineFailure(error) && !isSuspended(error)) throw error
    const { message, kind } = error as HoldfastError
    throw new HoldfastError({ code, kind: kind === 'retryable' ? kind : 'terminal', message, cause: error })
  }
}
