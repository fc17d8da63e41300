/** What the author of a plugin gives the command line: here the smallest honest one. */
import type { EngineUnderTest } from 'holdfast/testing'
import { mapDurabilityPlugin } from 'holdfast/testing'

export function create(): EngineUnderTest {
  const journal = new Map<string, string>()
  return { start: () => mapDurabilityPlugin(journal) }
}
