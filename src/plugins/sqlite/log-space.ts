/**
 * Room in the write-ahead log, made before it is needed. A commit that makes the file longer has the disk sync its new
 * length and blocks, too: one into room that is there already takes two thirds of the time.
 */
import { statSync } from 'node:fs'
import type { Connection } from './connection.ts'

/** Commits between looks at the file. */
const LOOK_EVERY = 4
/** Room is made for so many looks at a time, */
const AHEAD = 16
/** and no more than so many bytes: all runs of this process wait for it. */
const MOST = 1 << 20

export class LogSpace {
  readonly #connection: Connection
  readonly #file: string
  #commits = 0
  #seen: number

  /** @param connection in no transaction when `afterCommit` is called */
  constructor(connection: Connection) {
    this.#connection = connection
    this.#file = `${connection.path}-wal`
    this.#seen = this.#size()
  }

  /** Call it after each commit that is synced. A log that grew since the last look is given room. */
  afterCommit(): void {
    if (++this.#commits % LOOK_EVERY > 0) return
    const grown = this.#size() - this.#seen
    if (grown > 0) this.#make(Math.min(AHEAD * grown, MOST))
    this.#seen = this.#size()
  }

  /**
   * Rolled back, pages that did not fit into the cache leave nothing in the database. But they lie behind the end of the log,
   * for the next commits to overwrite.
   */
  #make(bytes: number): void {
    const connection = this.#connection
    try {
      connection.exec('PRAGMA cache_size = 1')
      try {
        connection.undone(() => connection.run("INSERT INTO payloads (ref, bytes) VALUES ('', zeroblob(?))", bytes))
      } finally {
        connection.exec('PRAGMA cache_size = -2000')
      }
    } catch {
      // A full disk, another's lock: commits are slower then, and those that fail say so in their own place.
    }
  }

  #size(): number {
    return statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0
  }
}
