/**
 * What steps say, on its way into the journal. It goes along with the next record; while none comes, it is written a few
 * milliseconds later, so that tokens that come fast share a commit.
 */
import type { StreamChunk } from '../../index.ts'
import type { Changes } from './changes.ts'
import type { Connection } from './connection.ts'
import { Feed } from './feed.ts'

/** Milliseconds that a chunk waits for others. Less than the time between the looks of a reader. */
const INTERVAL = 10

export class ChunkQueue {
  readonly #loose: Connection
  readonly #changes: Changes
  /** By run id; as they were after the last commit. */
  readonly #feeds = new Map<string, Feed>()
  #pending: StreamChunk[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(loose: Connection, changes: Changes) {
    this.#loose = loose
    this.#changes = changes
  }

  add(chunks: readonly StreamChunk[]): void {
    if (chunks.length === 0) return
    this.#pending.push(...chunks)
    this.#timer ??= setTimeout(() => this.flush(), INTERVAL)
  }

  /**
   * Runs the body in a transaction, with what is pending before it; without, where that can't be written. Where nothing is
   * pending and the body is a single statement, there is none.
   */
  commitWith<T>(connection: Connection, isSingle: boolean, body: () => T): T {
    const chunks = this.#take()
    const alone = (): T => (isSingle ? body() : connection.transaction(body))
    if (chunks.length === 0) return alone()
    // An object: the compiler takes a variable to be what it was before the call.
    const at = { chunks: false }
    try {
      const result = connection.transaction(() => {
        at.chunks = true
        this.#write(connection, chunks)
        at.chunks = false
        return body()
      })
      this.#changes.notify('streams')
      return result
    } catch (error) {
      // Some of them may have what was undone.
      this.#feeds.clear()
      // What a step said must not take its record with it. Nothing of the body has run yet.
      if (at.chunks) return alone()
      throw error
    }
  }

  /** Write what is pending now. What can't be written is lost: what a step says is in its record all the same. */
  flush(): void {
    try {
      this.commitWith(this.#loose, true, () => {})
    } catch {
      // The live view has a gap; whatever is wrong with the journal, the next record will say it in its own place.
    }
  }

  /** No more is said of the run for now. */
  forget(runId: string): void {
    this.#feeds.delete(runId)
  }

  #take(): StreamChunk[] {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const chunks = this.#pending
    this.#pending = []
    return chunks
  }

  #write(connection: Connection, chunks: readonly StreamChunk[]): void {
    const feeds = new Map<string, Feed>()
    for (const chunk of chunks) {
      const { runId } = chunk
      let feed = feeds.get(runId)
      if (!feed) {
        feed = Feed.of(connection, runId, this.#feeds.get(runId))
        feeds.set(runId, feed)
        this.#feeds.set(runId, feed)
      }
      feed.add(chunk)
    }
    for (const feed of feeds.values()) feed.write(connection)
  }
}
