/** Clause: a run has one owner at a time. */
import { conformanceAgent } from '../agents.ts'
import { sleep } from '../life.ts'
import { check, expectEqual } from '../expect.ts'
import { isHoldfastError } from '../../errors.ts'
import type { CaseDefinition } from './case.ts'
import { PAIR_EFFECTS } from './replay.ts'

export const owners: readonly CaseDefinition[] = [
  {
    name: 'owners',
    clause:
      'Of two processes that run the same run at the same time, one does the work: the other is refused or waits.',
    requires: ['ownership'],
    async run(bench) {
      const { world } = bench
      await world.hold('left did')
      const first = await bench.start('pair')
      const second = await bench.start('pair')
      const running = first.run()
      await world.reached('left did')
      const refused = second.run().then(
        (result) => result.status,
        (error: unknown) => (isHoldfastError(error, 'RUN_LOCKED') ? 'refused' : String(error)),
      )
      await sleep(30)
      await world.release('left did')
      expectEqual((await running).status, 'completed', 'the status of the run')
      const other = await refused
      check(other === 'refused' || other === 'completed', `the second process was told ${other}`)
      await first.stop()
      await second.stop()
      expectEqual(await bench.effects(), PAIR_EFFECTS, 'what was done by both')
    },
  },
  {
    name: 'owners: a process that was taken for dead',
    clause: 'A process whose run was taken up by another can record nothing any more.',
    requires: ['ownership'],
    inProcess: true,
    async run(bench) {
      const { world, engine } = bench
      await world.hold('slow draw did')
      const slow = await bench.startWith((own) =>
        conformanceAgent('lottery', { ...own, at: (point, signal) => own.at(`slow ${point}`, signal) }),
      )
      const over = slow.run().then(
        () => {},
        () => {},
      )
      await world.reached('slow draw did')
      // Only the engine takes it for dead: the process itself goes on, and ends its step after the other has.
      await engine.kill?.(slow.plugin)
      const result = await bench.run('lottery')
      await world.release('slow draw did')
      await Promise.race([over, sleep(100)])
      const again = await bench.run('lottery')
      expectEqual(again.text, result.text, 'the result, once the slow process had ended its step')
    },
  },
]
