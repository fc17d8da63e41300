/** A run that this process has taken up: what its journal had, and the writing of what is new. */
import type { DurableStep, RunInfo, StepRecord } from '../../index.ts'
import { executionId } from '../../index.ts'
import type { ChunkQueue } from './chunk-queue.ts'
import type { CommitQueue } from './commit-queue.ts'
import { Refusal } from './commit-queue.ts'
import type { Connection } from './connection.ts'
import { locked } from './errors.ts'
import type { Changes } from './changes.ts'
import { keyOf, keysOf, placeOf } from './keys.ts'
import { parseStored } from './stored.ts'

export interface WaitRow {
  readonly id: string
  readonly fingerprint: string
  readonly due_at: number | null
  readonly answer: string | null
}

export interface Ownership {
  readonly no: number
  readonly epoch: number
  /** How often the run was taken up without getting any further. */
  readonly takeovers: number
}

/** What a run needs of its journal. */
export interface JournalOfRun {
  readonly path: string
  readonly strict: Connection
  readonly queue: CommitQueue
  readonly changes: Changes
  readonly chunks: ChunkQueue
  /** Steps that are under way in this process, of any run. */
  working: number
  opened(run: LiveRun): void
  closed(run: LiveRun): void
}

export class LiveRun {
  readonly runId: string
  readonly no: number
  readonly epoch: number
  readonly journal: JournalOfRun
  readonly strict: boolean
  readonly waits: Map<string, WaitRow> = new Map()
  /** Waits that it is blocked by right now. */
  blockedBy = 0
  readonly #info: RunInfo
  readonly #records = new Map<string, string>()
  readonly #aborted = new Set<() => void>()
  #takeovers: number
  #place = 0

  /** @param strict its records survive a power cut */
  constructor(journal: JournalOfRun, { no, epoch, takeovers }: Ownership, info: RunInfo, strict: boolean) {
    this.journal = journal
    this.runId = info.runId
    this.no = no
    this.epoch = epoch
    this.strict = strict
    this.#takeovers = takeovers
    this.#info = info
  }

  /** All that was recorded, with a fixed number of queries. */
  load(connection: Connection): void {
    const keys = keysOf(this.no)
    const last = connection.get<{ key: number | null }>(
      'SELECT max(key) AS key FROM records WHERE key BETWEEN ? AND ?',
      ...keys,
    )
    if (last?.key != null) this.#place = placeOf(last.key) + 1
    // Backwards: the first counts, should there ever be two.
    const rows = connection.all<{ id: string; record: string }>(
      'SELECT id, record FROM records WHERE key BETWEEN ? AND ? ORDER BY key DESC',
      ...keys,
    )
    for (const { id, record } of rows) this.#records.set(id, record)
    const waits = connection.all<WaitRow>('SELECT id, fingerprint, due_at, answer FROM waits WHERE no = ?', this.no)
    for (const wait of waits) this.waits.set(wait.id, wait)
  }

  open(): void {
    this.journal.opened(this)
    this.#info.signal.addEventListener('abort', this.#abort)
  }

  close(): void {
    this.#info.signal.removeEventListener('abort', this.#abort)
    this.journal.closed(this)
  }

  get signal(): AbortSignal {
    return this.#info.signal
  }

  readonly #abort = (): void => {
    for (const told of [...this.#aborted]) told()
  }

  /** One listener on the signal for all waits of a run. */
  onAbort(callback: () => void): () => void {
    this.#aborted.add(callback)
    return () => this.#aborted.delete(callback)
  }

  /**
   * Gives what cancels the run.
   * @param request JSON of `{ reason? }`
   * @throws `JOURNAL_CORRUPT`
   */
  cancelOf(request: string): () => void {
    const { reason } = parseStored<{ readonly reason?: string }>(
      request,
      this.journal.path,
      `the cancel of run '${this.runId}'`,
    )
    return () => this.#info.cancel(reason)
  }

  /** The step's record; else it runs, and what comes of it is committed before anybody hears of it. */
  async execute(step: DurableStep, context: Parameters<DurableStep['run']>[0]): Promise<StepRecord> {
    const id = executionId(step)
    const { journal } = this
    const known = this.#records.get(id)
    if (known !== undefined) return parseStored(known, journal.path, `the record of step ${id} of run '${this.runId}'`)
    let record: StepRecord
    journal.working++
    try {
      record = await step.run(context)
    } finally {
      journal.working--
    }
    await this.#record(id, record, this.strict || step.policy.effect === 'once')
    return record
  }

  #record(id: string, record: StepRecord, strict: boolean): Promise<void> {
    const json = JSON.stringify(record)
    const key = keyOf(this.no, this.#place++)
    const now = Date.now()
    const write = (connection: Connection): void => {
      const written = connection.run(
        'INSERT INTO records (key, id, record, at) SELECT ?, ?, ?, ? FROM runs WHERE no = ? AND epoch = ?',
        key,
        id,
        json,
        now,
        this.no,
        this.epoch,
      )
      if (written === 0) throw this.fenced()
      this.#records.set(id, json)
      this.gotFurther(connection)
    }
    // Others that are under way may end in the same turn: then they share a commit.
    return this.journal.queue.add(write, { strict, when: this.journal.working > 0 ? 'turn' : 'now' })
  }

  /** Something new is recorded: what took the run up did not do so in vain. */
  gotFurther(connection: Connection): void {
    if (this.#takeovers === 0) return
    connection.run('UPDATE runs SET takeovers = 0 WHERE no = ? AND epoch = ?', this.no, this.epoch)
    this.#takeovers = 0
  }

  /** For a write that found the run gone to another owner. */
  fenced(): Refusal {
    const cause = locked(
      this.runId,
      'was taken over by another process (or deleted), and this one may not write to it any more',
    )
    return new Refusal(cause.message, { cause })
  }
}
