/** A plugin that breaks one promise: the case of that promise has to catch it, or the case is worth nothing. */
import type { DurablePlaces } from '../../plugin.ts'
import type { EngineUnderTest } from '../engine.ts'
import type { MemoryOptions } from '../memory-engine.ts'
import { memoryEngine } from '../memory-engine.ts'
import type { MemoryProcess } from '../memory-process.ts'

export interface FaultyEngine {
  /** What is wrong with it. */
  readonly name: string
  /** Names of the cases that must fail with it; others may. */
  readonly caughtBy: readonly string[]
  create(): EngineUnderTest
}

/** The engine in memory, with something changed. */
export function faulty(name: string, caughtBy: readonly string[], options: () => MemoryOptions): FaultyEngine {
  return { name, caughtBy, create: () => memoryEngine(options()) }
}

/** The engine in memory, with other places. */
export function faultyPlaces(
  name: string,
  caughtBy: readonly string[],
  change: () => (places: DurablePlaces, process: MemoryProcess) => Partial<DurablePlaces>,
): FaultyEngine {
  return faulty(name, caughtBy, () => {
    const made = change()
    return { change: ({ places }, process) => ({ places: { ...places, ...made(places, process) } }) }
  })
}
