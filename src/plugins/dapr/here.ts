/**
 * What workflow and activities of one process can tell each other directly. All of it is a short cut: a worker elsewhere
 * finds the same in the state store.
 */
import type { Message } from '../../index.ts'
import type { Pinned } from './protocol.ts'

const MANY = 1_000

/** A map that forgets what was set first. */
class Recent<V> {
  readonly #values = new Map<string, V>()

  get(key: string): V | undefined {
    return this.#values.get(key)
  }

  set(key: string, value: V): void {
    this.#values.delete(key)
    this.#values.set(key, value)
    const [oldest] = this.#values.keys()
    if (this.#values.size > MANY && oldest !== undefined) this.#values.delete(oldest)
  }

  delete(key: string): void {
    this.#values.delete(key)
  }
}

/** Of the steps that are scheduled: the conversation before what is new. By nonce and execution. */
export const conversationsHere: Recent<() => readonly Message[]> = new Recent()
/** Specs and contexts of runs, by nonce and the spec's digest. */
export const pinnedHere: Recent<Pinned> = new Recent()

const stops = new Map<string, Set<() => void>>()

/** `stop` is called when the run is cancelled by a workflow in this process. Gives what takes it out. */
export function onStopHere(nonce: string, stop: () => void): () => void {
  const all = stops.get(nonce) ?? new Set()
  stops.set(nonce, all)
  all.add(stop)
  return () => {
    all.delete(stop)
    if (all.size === 0) stops.delete(nonce)
  }
}

export function stopHere(nonce: string): void {
  for (const stop of [...(stops.get(nonce) ?? [])]) stop()
}
