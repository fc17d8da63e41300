/** Clause: a plugin lets go of what it has, and of nothing else. */
import { essenceOf } from '../essence.ts'
import { expectEqual } from '../expect.ts'
import type { CaseDefinition } from './case.ts'
import { PAIR_EFFECTS } from './replay.ts'

export const disposal: readonly CaseDefinition[] = [
  {
    name: 'disposal',
    clause: 'dispose() lets go of everything and may be called twice; another plugin on the same storage goes on.',
    async run(bench) {
      const first = await bench.start('pair')
      const result = await first.run()
      await first.stop()
      await first.stop()
      const second = await bench.start('pair')
      expectEqual(essenceOf(await second.run()), essenceOf(result), 'the result from another plugin')
      await second.stop()
      expectEqual(await bench.effects(), PAIR_EFFECTS, 'what was done')
    },
  },
  {
    name: 'disposal: one of two',
    clause: 'Disposing one plugin leaves another on the same storage as it is.',
    async run(bench) {
      const { world } = bench
      const idle = await bench.start('pair')
      await world.hold('join begins')
      const busy = await bench.start('pair')
      const running = busy.run()
      await world.reached('join begins')
      await idle.stop()
      await world.release('join begins')
      expectEqual((await running).status, 'completed', 'the status of the run')
      await busy.stop()
    },
  },
]
