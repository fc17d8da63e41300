/** Finds the runs of a journal that are unfinished and that nobody has. */
import type { RunStatusName } from '../../index.ts'
import type { Journal } from './journal.ts'

export interface Candidate {
  readonly runId: string
  readonly agent: string
}

interface Row {
  readonly run_id: string
  readonly agent: string
  readonly status: RunStatusName
  readonly owner: string | null
  readonly ready: number
  readonly due: number | null
}

/** Milliseconds until a run that could not go on is tried again; doubled each time. */
const FIRST_PAUSE = 1_000
const LONGEST_PAUSE = 300_000

export class Candidates {
  readonly #journal: Journal
  /** Not to be found now: it is being worked on already, or not by us. */
  readonly #ignored = new Set<string>()
  readonly #pauses = new Map<string, { readonly until: number; readonly length: number }>()
  /** Their runs were looked at. */
  #known: ReadonlySet<string> = new Set()
  /** When the next wait times out, or the next pause ends. */
  #next = Number.POSITIVE_INFINITY

  constructor(journal: Journal) {
    this.#journal = journal
  }

  find(): Candidate[] {
    const now = Date.now()
    this.#next = Number.POSITIVE_INFINITY
    const dead = this.#deadOwners()
    this.#known = dead
    const rows = this.#rows()
    const known = new Set(rows.map(({ run_id }) => run_id))
    for (const runId of this.#pauses.keys()) if (!known.has(runId)) this.#pauses.delete(runId)
    return rows
      .filter((row) => !this.#ignored.has(row.run_id) && this.#isFree(row, dead) && this.#isReady(row, now))
      .map(({ run_id: runId, agent }) => ({ runId, agent }))
  }

  /** Whether there may be more to find though nothing was written: a process died, or a time has come. */
  mayHaveMore(): boolean {
    return Date.now() >= this.#next || [...this.#deadOwners()].some((owner) => !this.#known.has(owner))
  }

  ignore(runId: string): void {
    this.#ignored.add(runId)
  }

  succeeded(runId: string): void {
    this.#ignored.delete(runId)
    this.#pauses.delete(runId)
  }

  /** It may be found again, but not at once: what stopped it will most likely stop it again. */
  failed(runId: string): void {
    const length = Math.min((this.#pauses.get(runId)?.length ?? FIRST_PAUSE / 2) * 2, LONGEST_PAUSE)
    this.#pauses.set(runId, { until: Date.now() + length, length })
    this.#next = Math.min(this.#next, Date.now() + length)
    this.#ignored.delete(runId)
  }

  #rows(): Row[] {
    return this.#journal.strict.all<Row>(
      `SELECT run_id, agent, status, owner, ready,
         (SELECT min(due_at) FROM waits WHERE waits.no = runs.no AND answer IS NULL) AS due
       FROM runs WHERE status IN ('running', 'waiting', 'blocked') ORDER BY no`,
    )
  }

  #deadOwners(): Set<string> {
    const owners = this.#journal.strict.all<{ owner: string }>(
      'SELECT DISTINCT owner FROM runs WHERE owner IS NOT NULL',
    )
    return new Set(
      owners
        .map(({ owner }) => owner)
        .filter((owner) => !this.#journal.isForeign(owner) && !this.#journal.isOwn(owner)),
    )
  }

  #isFree({ run_id: runId, owner }: Row, dead: ReadonlySet<string>): boolean {
    if (this.#journal.live.has(runId)) return false
    // Ours, and not live: it could not even say that it was left.
    return owner === null || dead.has(owner) || this.#journal.isOwn(owner)
  }

  #isReady({ run_id: runId, status, ready, due }: Row, now: number): boolean {
    const pause = this.#pauses.get(runId)
    const from = pause ? pause.until : status === 'waiting' && ready === 0 ? (due ?? Number.POSITIVE_INFINITY) : 0
    if (from > now) this.#next = Math.min(this.#next, from)
    return from <= now
  }
}
