/**
 * What workflow and activities of one process can tell each other directly. All of it is a short cut: a worker elsewhere
 * finds the same in the state store.
 */
import type { Message } from '../../index.ts'
import type { Pinned } from './protocol.ts'
import { Recent } from './recent.ts'

export interface ConversationHere {
  /** What was said before that which is new. */
  readonly before: () => readonly Message[]
  readonly append: readonly Message[]
}

/** Of the steps that are scheduled. By nonce and execution. */
export const conversationsHere: Recent<ConversationHere> = new Recent()
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
