/** The smallest honest plugin, certified with vitest: the guide shows it. */
import type { EngineUnderTest } from 'holdfast/testing'
import { durabilityConformance, mapDurabilityPlugin } from 'holdfast/testing'
import { describe, test } from 'vitest'

function create(): EngineUnderTest {
  const journal = new Map<string, string>()
  return { start: () => mapDurabilityPlugin(journal) }
}
const { supports = {} } = mapDurabilityPlugin(new Map()).durability ?? {}

describe('map', () => {
  for (const { name, skip, run } of durabilityConformance({ create, supports })) test.skipIf(skip)(name, run)
})
