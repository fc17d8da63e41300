/** The kit on engines that are as they should be. */
import { describe, test } from 'vitest'
import { durabilityConformance } from '../../src/testing/conformance.ts'
import { mapDurabilityPlugin } from '../../src/testing/map-engine.ts'
import { memoryEngine } from '../../src/testing/memory-engine.ts'

describe.for(['closure', 'name'] as const)('the engine in memory, by %s', (dispatch) => {
  for (const { name, run } of durabilityConformance({ create: () => memoryEngine({ dispatch }) })) test(name, run)
})

describe('the Map plugin', () => {
  const create = () => {
    const journal = new Map<string, string>()
    return { start: () => mapDurabilityPlugin(journal) }
  }
  for (const { name, skip, run } of durabilityConformance({ create, supports: {} })) {
    test.skipIf(skip !== undefined)(name, run)
  }
})
