/** Stopping what is running: one attempt of a step, by a cancel of the run or by its timeout. */
import type { HoldfastError } from '../errors.ts'
import { HoldfastError as Failure } from '../errors.ts'

/** Calls back at most once, with why; gives what takes the callback out. */
export type OnStop = (callback: (error: HoldfastError) => void) => () => void

/** The cancellation of a run. Many steps listen, so it is a set and not listeners on one signal. */
export class Cancellation {
  readonly #controller = new AbortController()
  readonly #callbacks = new Set<(error: HoldfastError) => void>()
  #error: HoldfastError | undefined

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Why, once it is cancelled. */
  get error(): HoldfastError | undefined {
    return this.#error
  }

  readonly onStop: OnStop = (callback) => {
    if (this.#error) {
      callback(this.#error)
      return () => {}
    }
    this.#callbacks.add(callback)
    return () => this.#callbacks.delete(callback)
  }

  cancel(reason: string | undefined): void {
    if (this.#error) return
    this.#error = new Failure({
      code: 'CANCELLED',
      message: reason === undefined ? 'the run was cancelled' : `the run was cancelled: ${reason}`,
      ...(reason !== undefined && { details: { reason } }),
    })
    this.#controller.abort(this.#error)
    for (const callback of [...this.#callbacks]) callback(this.#error)
    this.#callbacks.clear()
  }
}

/** The stops of a plain signal, e.g. one that an engine gives. */
export function stopsOf(signal: AbortSignal): OnStop {
  return (callback) => {
    const stop = (): void => {
      callback(new Failure({ code: 'CANCELLED', message: 'the step was cancelled', cause: signal.reason }))
    }
    if (signal.aborted) {
      stop()
      return () => {}
    }
    signal.addEventListener('abort', stop, { once: true })
    return () => signal.removeEventListener('abort', stop)
  }
}

/** One attempt: its promise rejects at the stop, whether or not the work listens to the signal. */
export class Attempt {
  readonly #controller = new AbortController()
  #reject: ((error: HoldfastError) => void) | undefined

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  readonly stop = (error: HoldfastError): void => {
    this.#controller.abort(error)
    this.#reject?.(error)
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#reject = reject
      if (this.signal.aborted) reject(this.signal.reason)
      else work().then(resolve, reject)
    })
  }
}

/** Resolves after the time; rejects at the stop. */
export function delay(milliseconds: number, onStop?: OnStop): Promise<void> {
  return new Promise((resolve, reject) => {
    let off: (() => void) | undefined
    let stopped = false
    const start = Date.now()
    let timer: unknown
    // A timer of Node holds 24.8 days at most: a longer one would fire at once.
    const arm = (): void => {
      const left = start + milliseconds - Date.now()
      timer = setTimeout(() => (left > MAX_TIMER ? arm() : finish()), Math.max(0, Math.min(left, MAX_TIMER)))
    }
    const finish = (): void => {
      off?.()
      resolve()
    }
    off = onStop?.((error) => {
      stopped = true
      clearTimeout(timer as Parameters<typeof clearTimeout>[0])
      reject(error)
    })
    if (!stopped) arm()
  })
}

/** The longest that a timer of Node can be set to. */
export const MAX_TIMER: number = 2 ** 31 - 1
