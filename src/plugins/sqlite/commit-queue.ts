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

export interface WriteOptions {
  /** The commit survives a power cut. */
  readonly strict: boolean
  /**
   * `now`: unless others are queued already; `tick`: with all that comes in this tick; `turn`: with all that comes in this
   * turn of the event loop
   */
  readonly when: 'now' | 'tick' | 'turn'
  /** Several statements, which need a transaction where the write is alone. */
  readonly several?: boolean
}

interface Entry {
  readonly several: boolean
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

  /** Resolves when it is committed. */
  add<T>(write: Write<T>, { strict, when, several = false }: WriteOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#entries.push({ write, several, resolve, reject })
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
      const isSingle = entries.length === 1 && !entries[0]?.several
      const settle = this.#chunks.commitWith(connection, isSingle, () => this.#apply(connection, entries))
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
