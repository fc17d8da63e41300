/**
 * Group commit: what is queued together is one transaction, so many runs at once share the disk's one slow operation. A
 * single run in sequence does not wait for anybody.
 */
import type { ChunkQueue } from './chunk-queue.ts'
import type { Connection } from './connection.ts'

/** Throws an error of one entry alone with {@link Refusal}; any other undoes the whole group. */
export type Write<T> = (connection: Connection) => T

/** An entry was refused: the others of its group are not touched. */
export class Refusal extends Error {}

interface Entry {
  readonly write: Write<unknown>
  readonly resolve: (value: never) => void
  readonly reject: (error: unknown) => void
}

export class CommitQueue {
  readonly #strict: Connection
  readonly #loose: Connection
  readonly #chunks: ChunkQueue
  readonly #onSynced: () => void
  #entries: Entry[] = []
  #isStrict = false

  /**
   * @param chunks what is said goes along with each commit
   * @param onSynced called after each commit of the strict connection
   */
  constructor(strict: Connection, loose: Connection, chunks: ChunkQueue, onSynced: () => void) {
    this.#strict = strict
    this.#loose = loose
    this.#chunks = chunks
    this.#onSynced = onSynced
  }

  /**
   * Resolves when it is committed.
   * @param strict the commit survives a power cut
   * @param when `now`: unless others are queued already; `tick`: with all that comes in this tick; `turn`: with all that
   * comes in this turn of the event loop
   */
  add<T>(write: Write<T>, { strict, when }: { strict: boolean; when: 'now' | 'tick' | 'turn' }): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#entries.push({ write, resolve, reject })
      this.#isStrict ||= strict
      if (this.#entries.length > 1) return
      if (when === 'now') this.flush()
      else if (when === 'tick') process.nextTick(() => this.flush())
      else setImmediate(() => this.flush())
    })
  }

  flush(): void {
    const entries = this.#entries
    if (entries.length === 0) return
    const connection = this.#isStrict ? this.#strict : this.#loose
    this.#entries = []
    this.#isStrict = false
    try {
      const apply = (): (() => void)[] => this.#apply(connection, entries)
      const settle = this.#chunks.commitWith(connection, entries.length === 1, apply)
      for (const each of settle) each()
      if (connection === this.#strict) this.#onSynced()
    } catch (error) {
      for (const { reject } of entries) reject(error)
    }
  }

  /** Gives what is to be called when it is committed. */
  #apply(connection: Connection, entries: readonly Entry[]): (() => void)[] {
    return entries.map(({ write, resolve, reject }) => {
      try {
        const value = write(connection)
        return () => resolve(value as never)
      } catch (error) {
        if (error instanceof Refusal) return () => reject(error.cause)
        throw error
      }
    })
  }
}
