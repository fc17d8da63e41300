/** A journal that is open: its connections, and the runs that this process has taken up. */
import { Changes } from './changes.ts'
import { ChunkQueue } from './chunk-queue.ts'
import { CommitQueue } from './commit-queue.ts'
import type { Connection } from './connection.ts'
import { openDatabase, openLoose } from './database.ts'
import type { JournalOfRun, LiveRun } from './live-run.ts'
import { LogSpace } from './log-space.ts'
import type { Owner } from './owner.ts'
import { becomeOwner, isOwnerAlive } from './owner.ts'

export class Journal implements JournalOfRun {
  readonly path: string
  /** Its commits survive a power cut. */
  readonly strict: Connection
  /** Its commits survive the end of the process. */
  readonly loose: Connection
  readonly queue: CommitQueue
  readonly changes: Changes
  readonly chunks: ChunkQueue
  /** Runs that this process has taken up, by run id. */
  readonly live: Map<string, LiveRun> = new Map()
  working = 0
  readonly #claims = new Map<string, Set<() => void>>()
  #owner: Owner | undefined
  #unwatch: (() => void) | undefined

  constructor(path: string) {
    this.path = path
    this.strict = openDatabase(path)
    this.loose = openLoose(path)
    this.changes = new Changes(
      () => this.strict.get<{ data_version: number }>('PRAGMA data_version')?.data_version ?? 0,
    )
    this.chunks = new ChunkQueue(this.loose, this.changes)
    const space = new LogSpace(this.loose)
    this.queue = new CommitQueue(this.strict, this.loose, this.chunks, () => space.afterCommit())
  }

  /** The id of this process as an owner. In a write transaction. */
  ownerId(): string {
    this.#owner ??= becomeOwner(this.path)
    return this.#owner.id
  }

  /** Whether another process that lives has what this owner has. */
  isForeign(owner: string): boolean {
    return !this.isOwn(owner) && isOwnerAlive(this.path, owner)
  }

  isOwn(owner: string): boolean {
    return owner === this.#owner?.id
  }

  /** Whether a run is being run by anybody right now. */
  isOwned(runId: string, owner: string | null): boolean {
    return this.live.has(runId) || (owner !== null && this.isForeign(owner))
  }

  opened(run: LiveRun): void {
    this.live.set(run.runId, run)
    this.#unwatch ??= this.changes.subscribe((change) => {
      if (change === 'anything') this.#deliverCancels()
    }, false)
    for (const told of this.#claims.get(run.runId) ?? []) told()
  }

  closed(run: LiveRun): void {
    if (this.live.get(run.runId) === run) this.live.delete(run.runId)
    this.chunks.forget(run.runId)
    if (this.live.size > 0) return
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  /** Resolves when this process takes the run up. */
  claimed(runId: string): { readonly done: Promise<void>; stop(): void } {
    const { promise, resolve: told } = Promise.withResolvers<void>()
    const waiting = this.#claims.get(runId) ?? new Set()
    this.#claims.set(runId, waiting.add(told))
    const stop = (): void => {
      waiting.delete(told)
      if (waiting.size === 0) this.#claims.delete(runId)
    }
    return { done: promise, stop }
  }

  close(): void {
    this.queue.flush()
    this.chunks.flush()
    this.#unwatch?.()
    this.strict.close()
    this.loose.close()
    this.changes.stop()
    this.#owner?.release()
    this.#owner = undefined
  }

  #deliverCancels(): void {
    try {
      const rows = this.strict.all<{ run_id: string; cancel: string }>(
        'SELECT run_id, cancel FROM runs WHERE owner = ? AND cancel IS NOT NULL',
        this.#owner?.id ?? '',
      )
      for (const { run_id, cancel } of rows) this.#deliverCancel(run_id, cancel)
    } catch {
      // Whatever is wrong with the journal, the next record of the run will say it in its own place.
    }
  }

  #deliverCancel(runId: string, request: string): void {
    try {
      this.live.get(runId)?.cancelOf(request)()
    } catch {
      // One that can't be read goes undelivered, and does not stop those of other runs.
    }
  }
}
