/** Clause: what is recorded is not done again. */
import { RUN_ID } from '../bench.ts'
import { essenceOf } from '../essence.ts'
import type { CaseDefinition } from './case.ts'
import { expectEqual, expectError } from '../expect.ts'
import { conformanceAgent } from '../agents.ts'

export const PAIR_EFFECTS: readonly string[] = ['1/tool/0/left', '1/tool/1/right', '2/tool/0/join'].map(
  (id) => `${RUN_ID}/${id}`,
)

export const replay: readonly CaseDefinition[] = [
  {
    name: 'replay: a finished run',
    clause: 'A run that is finished gives its result again, in another process, and does nothing.',
    async run(bench) {
      const first = await bench.run('pair')
      expectEqual(first.status, 'completed', 'the status of the run')
      expectEqual(first.text, 'left-done and right-done make left-done+right-done', 'the text of the run')
      const again = await bench.run('pair')
      expectEqual(essenceOf(again), essenceOf(first), 'the result when it is asked for again')
      expectEqual(await bench.effects(), PAIR_EFFECTS, 'what was done in all')
    },
  },
  {
    name: 'replay: after a crash',
    clause: 'A run whose process died goes on in another, and steps that were recorded are not done again.',
    async run(bench) {
      const { world } = bench
      await world.hold('join begins')
      const dead = await bench.start('pair')
      void dead.run()
      await world.reached('join begins')
      await dead.kill()
      await world.release('join begins')
      const result = await bench.run('pair')
      expectEqual(result.text, 'left-done and right-done make left-done+right-done', 'the text after the crash')
      expectEqual(await bench.effects(), PAIR_EFFECTS, 'what was done in all')
    },
  },
  {
    name: 'replay: a step that was running',
    clause: 'A step that was running when its process died runs again, with the same idempotency key.',
    async run(bench) {
      const { world } = bench
      await world.hold('join did')
      const dead = await bench.start('pair')
      void dead.run()
      await world.reached('join did')
      await dead.kill()
      await world.release('join did')
      const result = await bench.run('pair')
      expectEqual(result.status, 'completed', 'the status after the crash')
      expectEqual(await bench.effects(), [...PAIR_EFFECTS, `${RUN_ID}/2/tool/0/join`], 'what was done in all')
    },
  },
  {
    name: 'replay: runs apart',
    clause: 'Runs with different ids have nothing to do with each other, one after the other and at the same time.',
    async run(bench) {
      const process = await bench.start('pair')
      const ids = ['a', 'b', 'a/1']
      const results = await Promise.all(ids.map((runId) => process.run('go', { runId })))
      await process.stop()
      for (const [index, { runId, status }] of results.entries()) {
        expectEqual({ runId, status }, { runId: ids[index], status: 'completed' }, `run ${ids[index]}`)
      }
      await bench.run('pair', { runId: 'after' })
      expectEqual((await bench.effects()).length, 12, 'the number of effects of four runs')
    },
  },
  {
    name: 'replay: another input',
    clause: 'A run id that is known is refused with another input, and its run is left as it is.',
    async run(bench) {
      const first = await bench.run('pair')
      const other = await bench.startWith((world) => conformanceAgent('pair', world))
      await expectError(other.run('something else'), ['RUN_CONFLICT'], 'the same run id with another input')
      await other.stop()
      const again = await bench.run('pair')
      expectEqual(essenceOf(again), essenceOf(first), 'the result of the run afterwards')
      expectEqual(await bench.effects(), PAIR_EFFECTS, 'what was done in all')
    },
  },
]
