/** Clauses of a loop that is replayed: a plugin does the same each time, whatever time things take. */
import { crashEverywhere } from '../crash-everywhere.ts'
import { BrokenPromise, check, expectEqual } from '../expect.ts'
import { memoryEngine } from '../memory-engine.ts'
import { counting, latency } from '../plugins.ts'
import type { PluginCase } from './case.ts'
import { driverOf, runOnce } from './case.ts'

export const replayed: readonly PluginCase[] = [
  {
    name: 'plugin: replay',
    clause: 'A finished run that is asked for again, in another process, gives the same and does nothing.',
    async run(bench) {
      const engine = memoryEngine()
      const first = await runOnce(bench, { engine })
      const done: string[] = []
      const again = await runOnce(bench, { engine, plugins: () => [counting(done)] })
      expectEqual(again.end.essence, first.end.essence, 'the run on replay')
      expectEqual(done, [], 'the work that was done on replay')
    },
  },
  {
    name: 'plugin: random times',
    clause: 'It does the same whatever time other hooks take, and is replayed at another pace.',
    async run(bench) {
      const usual = await runOnce(bench)
      for (const seed of [1, 2, 3]) {
        const engine = memoryEngine()
        for (const pace of [seed, seed + 100]) {
          const slow = await runOnce(bench, { engine, plugins: () => [latency(pace, 2)] })
          expectEqual(slow.end.essence, usual.end.essence, `the run with times by seed ${pace}`)
        }
      }
    },
  },
  {
    name: 'plugin: runs apart',
    clause: 'One plugin serves many runs at the same time, and none of them sees the others.',
    async run(bench) {
      const usual = await runOnce(bench)
      const plugin = bench.create()
      const setup = {
        engine: memoryEngine(),
        agent: (world: Parameters<typeof bench.bare>[0]) => bench.agentWith(world, plugin),
      }
      const runs = await Promise.all(['apart-1', 'apart-2', 'apart-3'].map((runId) => runOnce(bench, setup, runId)))
      for (const { end } of runs) expectEqual(end.essence, usual.end.essence, 'a run beside others')
    },
  },
  {
    name: 'plugin: crash everywhere',
    clause: 'A crash at any boundary of any step changes nothing: not what comes out, not its JSON.',
    async run(bench) {
      const report = await crashEverywhere(driverOf(bench))
      check(report.boundaries.length > 0, 'the run has no step')
      if (!report.ok) throw new BrokenPromise(String(report))
    },
  },
]
