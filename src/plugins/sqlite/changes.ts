/**
 * Tells when the journal may have changed: what this process does is told at once, what others do is found by looking at
 * a counter of SQLite's (no reading of tables, a few microseconds).
 */

/** Milliseconds between looks. */
const INTERVAL = 25

/** What may have changed: what a run said, or anything. */
export type Change = 'streams' | 'anything'

type Listener = (change: Change) => void

export class Changes {
  readonly #version: () => number
  readonly #listeners = new Set<Listener>()
  #keeping = 0
  #timer: NodeJS.Timeout | undefined
  /** At the last look, which was before whatever a listener has read: what came between is told at the next. */
  #seen: number | undefined
  #count = 0

  /** @param version differs when another process has written */
  constructor(version: () => number) {
    this.#version = version
  }

  /**
   * Be told; gives what ends it. Looks are taken only while somebody listens.
   * @param keepAlive the process does not end while it is being waited for
   */
  subscribe(listener: Listener, keepAlive: boolean): () => void {
    this.#listeners.add(listener)
    if (keepAlive) this.#keeping++
    this.#arm()
    return () => {
      if (!this.#listeners.delete(listener)) return
      if (keepAlive) this.#keeping--
      this.#arm()
    }
  }

  /** How many were told. Taken before one looks, it is what {@link next} waits from. */
  get count(): number {
    return this.#count
  }

  /** Resolves at the next change after the `seen` first ones, or when the signal aborts. */
  next(signal?: AbortSignal, seen: number = this.#count): Promise<void> {
    if (seen !== this.#count) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        unsubscribe()
        signal?.removeEventListener('abort', done)
        resolve()
      }
      const unsubscribe = this.subscribe(done, true)
      signal?.addEventListener('abort', done, { once: true })
      if (signal?.aborted) done()
    })
  }

  notify(change: Change = 'anything'): void {
    this.#count++
    for (const listener of [...this.#listeners]) listener(change)
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.notify()
    this.#listeners.clear()
  }

  #arm(): void {
    if (this.#listeners.size === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
      return
    }
    this.#timer ??= setInterval(() => this.#look(), INTERVAL)
    if (this.#keeping > 0) this.#timer.ref()
    else this.#timer.unref()
  }

  #look(): void {
    const version = this.#readVersion()
    if (version === this.#seen && version !== undefined) return
    this.#seen = version
    this.notify()
  }

  /** `undefined` where it can't be read: those who listen then look for themselves, and fail in their own place. */
  #readVersion(): number | undefined {
    try {
      return this.#version()
    } catch {
      return undefined
    }
  }
}
