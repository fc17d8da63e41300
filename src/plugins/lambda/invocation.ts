/** One invocation of the function, as one run sees it. Nothing of it is kept when the invocation is over. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { DurableContext } from '@aws/durable-execution-sdk-js'
import type { RunInfo } from '../../index.ts'
import type { LambdaOptions } from './options.ts'
import { MAX_OPERATIONS, SPARE_FOR_STEP, SPARE_FOR_TURN } from './protocol.ts'

/** Where an operation is recorded: its context knows it by its place alone. */
export interface Place {
  readonly context: DurableContext
  readonly invocation: Invocation
  /** Whether it is that of one step, and not of a run or a sub-agent. */
  readonly isStep: boolean
}

/** Of the code that runs right now: the storage itself keeps nothing. */
export const places: AsyncLocalStorage<Place> = new AsyncLocalStorage()

/** What is kept of an invocation's time to end cleanly: this many milliseconds, or a fifth of a short one. */
const MARGIN = 3_000

export class Invocation {
  readonly options: LambdaOptions
  readonly #run: RunInfo
  readonly #remaining: () => number
  readonly #margin: number
  readonly #deadline = new AbortController()
  #operations = 0
  #limit: string | undefined
  #working = 0
  #timers: NodeJS.Timeout[] = []
  #looked: Promise<void> | undefined

  constructor(context: DurableContext, run: RunInfo, options: LambdaOptions) {
    this.options = options
    this.#run = run
    this.#remaining = () => context.lambdaContext.getRemainingTimeInMillis()
    this.#margin = Math.min(MARGIN, this.#remaining() / 5)
  }

  /** Aborts when the invocation's time is nearly over. */
  get deadline(): AbortSignal {
    return this.#deadline.signal
  }

  /** Whether there is no time left to begin something. */
  get isOver(): boolean {
    return this.#deadline.signal.aborted || this.#remaining() <= this.#margin
  }

  /** Why the run ends although nobody cancelled it: its operations are used up. */
  get limit(): string | undefined {
    return this.#limit
  }

  /**
   * Count operations. Before the service would fail the execution for their number the run ends, with all that it has:
   * before a turn, or else, in a turn of very many steps, in the middle of it.
   */
  count(operations: number, isTurn = false): void {
    const { operations: limit = MAX_OPERATIONS } = this.options
    this.#operations += operations
    const spare = Math.ceil(limit * (isTurn ? SPARE_FOR_TURN : SPARE_FOR_STEP))
    if (this.#limit !== undefined || this.#operations <= limit - spare) return
    this.#limit =
      `it has used ${this.#operations} of the ${limit} operations that an execution may have. ` +
      'Go on in a new run, with the messages of this one.'
    this.#run.cancel(this.#limit)
  }

  /** A step is about to be done: from now on the clock and a cancel are looked at. */
  async begin(): Promise<void> {
    if (this.#working++ === 0) this.#arm()
    // Once at first, since a cancel may be older than this invocation.
    this.#looked ??= this.#look()
    await this.#looked
  }

  /** It is done: while nothing is, no timer runs that could outlive the invocation. */
  finish(): void {
    if (--this.#working > 0) return
    for (const timer of this.#timers) clearTimeout(timer)
    this.#timers = []
  }

  #arm(): void {
    const left = Math.min(this.#remaining() - this.#margin, 2 ** 31 - 1)
    this.#timers.push(setTimeout(() => this.#deadline.abort(), Math.max(0, left)))
    const { cancels, cancelInterval = 1_000 } = this.options
    if (!cancels) return
    this.#timers.push(setInterval(() => void this.#look(), cancelInterval))
  }

  async #look(): Promise<void> {
    const { cancels } = this.options
    try {
      const request = await cancels?.getCancel(this.#run.runId)
      if (request) this.#run.cancel(request.reason)
    } catch {
      // A store that can't be read now may be at the next look; the work of the run does not depend on it.
    }
  }
}
