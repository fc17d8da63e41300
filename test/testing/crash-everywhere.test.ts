/** Crashes at every boundary, of the kit's own agents. */
import { expect, test } from 'vitest'
import { conformanceAgent } from '../../src/testing/agents.ts'
import { crashEverywhere } from '../../src/testing/crash-everywhere.ts'
import { memoryEngine } from '../../src/testing/memory-engine.ts'

test.for(['failing', 'streamer'] as const)('%s', async (name) => {
  for (const dispatch of ['closure', 'name'] as const) {
    const engine = memoryEngine({ dispatch })
    const report = await crashEverywhere({ agent: (world) => conformanceAgent(name, world), input: 'go', engine })
    expect(String(report)).toBe(
      `${report.boundaries.length} boundaries, ${report.boundaries.length} as without a crash`,
    )
  }
})
