/** Recovery: what a process calls when it starts, so that runs whose process ended go on. */
import type { RunnableAgent, RunResult } from '../../index.ts'
import { HoldfastError } from '../../index.ts'
import { isHoldfastError } from '../../errors.ts'
import { checkAgents, takeUp } from './agents.ts'
import type { Candidate } from './candidates.ts'
import { Candidates } from './candidates.ts'
import type { Journal } from './journal.ts'
import type { JournalUse } from './use-journal.ts'
import { useJournal } from './use-journal.ts'

export interface RecoverOptions {
  /** The journal's file. */
  readonly path: string
  /** Those whose runs are to be taken up; each has the SQLite plugin with this path. */
  readonly agents: readonly RunnableAgent[]
  /** Ends the looking, as `stop()` does. Runs that were taken up go on. */
  readonly signal?: AbortSignal
  /** Go on looking: for runs whose process ends later, and for runs that wait and are answered. Default: look once. */
  readonly keepWatching?: boolean
  /** Runs that are worked on at once; those that wait for a person or a timer do not count. Default 50. */
  readonly concurrency?: number
  /**
   * Told of a run that failed or could not go on, of one whose agent is not among `agents`, and (without a run) of a
   * journal that could not be read.
   */
  readonly onError?: (error: unknown, runId?: string) => void
}

export interface RecoveredRun {
  readonly runId: string
  readonly agent: string
  /** As `agent.run` gives it. A rejection that nobody handles is none that ends the process. */
  readonly result: Promise<RunResult>
}

export interface Recovery {
  /** What the first look found, oldest first. */
  readonly runs: readonly RecoveredRun[]
  /** Look no more, and begin no more. Runs that were taken up go on. */
  stop(): void
}

/** Milliseconds between looks. */
const INTERVAL = 100

/**
 * Take up every run that is unfinished and that nobody has: its process died, or it waited and was answered or its time has
 * come, or it was blocked. Resolves after the first look.
 * @throws `CONFIG_INVALID` for an agent that has not the SQLite plugin with this path
 */
export async function recoverRuns(options: RecoverOptions): Promise<Recovery> {
  const use = useJournal(options.path)
  try {
    const journal = use.get()
    const agents = checkAgents(options.agents, journal)
    const recovery = new Recovering(use, journal, agents, options)
    const runs = recovery.look()
    if (options.keepWatching) recovery.watch()
    else recovery.stopLooking()
    return { runs, stop: () => recovery.stop() }
  } catch (error) {
    use.release()
    throw error
  }
}

interface Queued extends Candidate {
  readonly resolve: (result: Promise<RunResult>) => void
}

class Recovering {
  readonly #use: JournalUse
  readonly #journal: Journal
  readonly #agents: ReadonlyMap<string, RunnableAgent>
  readonly #options: RecoverOptions
  readonly #candidates: Candidates
  readonly #running = new Set<string>()
  #queue: Queued[] = []
  #timer: NodeJS.Timeout | undefined
  #unwatch: (() => void) | undefined
  #isLooking = true
  #isDirty = false

  constructor(use: JournalUse, journal: Journal, agents: ReadonlyMap<string, RunnableAgent>, options: RecoverOptions) {
    this.#use = use
    this.#journal = journal
    this.#agents = agents
    this.#options = options
    this.#candidates = new Candidates(journal)
    if (options.signal?.aborted) this.stop()
    options.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /** Find what can be taken up, and begin with it. */
  look(): RecoveredRun[] {
    if (!this.#isLooking) return []
    this.#isDirty = false
    const found: RecoveredRun[] = []
    for (const candidate of this.#candidates.find()) {
      const { runId, agent } = candidate
      if (!this.#agents.has(agent)) {
        this.#candidates.ignore(runId)
        this.#tell(unknownAgent(candidate), runId)
        continue
      }
      const { promise, resolve } = Promise.withResolvers<RunResult>()
      promise.catch(() => {})
      this.#candidates.ignore(runId)
      this.#queue.push({ ...candidate, resolve })
      found.push({ runId, agent, result: promise })
    }
    this.#begin()
    return found
  }

  watch(): void {
    if (!this.#isLooking) return
    this.#unwatch = this.#journal.changes.subscribe((change) => {
      if (change === 'anything') this.#isDirty = true
    }, true)
    this.#arm()
  }

  stop(): void {
    for (const { runId, resolve } of this.#queue) resolve(Promise.reject(stopped(runId)))
    this.#queue = []
    this.stopLooking()
  }

  stopLooking(): void {
    this.#isLooking = false
    this.#unwatch?.()
    this.#unwatch = undefined
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#releaseWhenDone()
  }

  readonly #onAbort = (): void => this.stop()

  #arm(): void {
    if (this.#timer || !(this.#isLooking || this.#queue.length > 0)) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#tick()
      this.#arm()
    }, INTERVAL)
  }

  #tick(): void {
    try {
      if (this.#isLooking && (this.#isDirty || this.#candidates.mayHaveMore())) this.look()
      this.#begin()
    } catch (error) {
      // A journal that can't be read now may be readable at the next look; the runs in it are not touched.
      this.#isDirty = true
      this.#tell(error)
    }
  }

  #begin(): void {
    const { concurrency = 50 } = this.#options
    while (this.#queue.length > 0 && this.#countBusy() < concurrency) {
      const { runId, agent, resolve } = this.#queue.shift() as Queued
      resolve(this.#take(runId, this.#agents.get(agent) as RunnableAgent))
    }
    this.#arm()
  }

  #countBusy(): number {
    return [...this.#running].filter((runId) => !this.#journal.live.get(runId)?.blockedBy).length
  }

  async #take(runId: string, agent: RunnableAgent): Promise<RunResult> {
    this.#running.add(runId)
    try {
      const result = await takeUp(this.#journal, agent, runId)
      this.#candidates.succeeded(runId)
      return result
    } catch (error) {
      this.#candidates.failed(runId)
      // Another process was faster.
      if (!isHoldfastError(error, 'RUN_LOCKED')) this.#tell(error, runId)
      throw error
    } finally {
      this.#running.delete(runId)
      this.#begin()
      this.#releaseWhenDone()
    }
  }

  #releaseWhenDone(): void {
    if (!this.#isLooking && this.#running.size === 0 && this.#queue.length === 0) this.#use.release()
  }

  #tell(error: unknown, runId?: string): void {
    try {
      this.#options.onError?.(error, runId)
    } catch {
      // Who is told has no say.
    }
  }
}

function stopped(runId: string): HoldfastError {
  return new HoldfastError({
    code: 'ENGINE_UNAVAILABLE',
    kind: 'retryable',
    message: `the recovery was stopped before the turn of run '${runId}', which is as it was. Take it up later.`,
    details: { runId },
  })
}

function unknownAgent({ runId, agent }: Candidate): HoldfastError {
  return new HoldfastError({
    code: 'CONFIG_INVALID',
    message: `run '${runId}' is of agent '${agent}', which is not among those given: it was left as it is. Add the agent.`,
    details: { runId, agent },
  })
}
