/** Clause: the order of steps is fixed, whatever time hooks take and in whatever order steps end. */
import { RUN_ID } from '../bench.ts'
import { essenceOf } from '../essence.ts'
import { expectEqual } from '../expect.ts'
import { latency, retrying } from '../plugins.ts'
import type { CaseDefinition } from './case.ts'

export const order: readonly CaseDefinition[] = [
  {
    name: 'order: parallel steps',
    clause: 'The steps of a batch run beside each other; each gets its own result, in whatever order they end.',
    async run(bench) {
      const { world } = bench
      await world.hold('left begins')
      await world.hold('right begins')
      const process = await bench.start('pair')
      const running = process.run()
      await Promise.all([world.reached('left begins'), world.reached('right begins')])
      await world.release('right begins')
      await world.reached('right did')
      await world.release('left begins')
      const result = await running
      await process.stop()
      expectEqual(result.text, 'left-done and right-done make left-done+right-done', 'the text of the run')
      expectEqual((await bench.run('pair')).text, result.text, 'the text from the record')
    },
  },
  {
    name: 'order: hooks that take random times',
    clause: 'Hooks that take random times change nothing: the run is taken up with other times and gives the same.',
    inProcess: true,
    async run(bench) {
      const { world } = bench
      for (let seed = 1; seed <= 5; seed++) {
        const runId = `seed-${seed}`
        await world.hold('join did')
        const dead = await bench.start('pair', { plugins: [latency(seed)] })
        void dead.run('go', { runId })
        await world.reached('join did', seed * 2 - 1)
        await dead.kill()
        await world.release('join did')
        const result = await bench.run('pair', { runId, plugins: [latency(seed + 100)] })
        const text = 'left-done and right-done make left-done+right-done'
        expectEqual(result.text, text, `the text with times by seed ${seed}`)
      }
    },
  },
  {
    name: 'order: a wrapper around parallel steps',
    clause: 'A wrapper that runs a step several times does not disturb the steps beside it, nor their replay.',
    inProcess: true,
    async run(bench) {
      const { world } = bench
      const plugins = (seed: number) => [retrying(1), latency(seed)]
      await world.hold('terminal did')
      const process = await bench.start('failing', { plugins: plugins(1) })
      const running = process.run()
      // The last of the three is through both of its executions before the first has ended one.
      await world.reached('noError did', 2)
      await world.release('terminal did')
      const first = await running
      await process.stop()
      expectEqual(first.text, 'sold out; x is not a function; just a text', 'what the model was told')
      const ids = ['1/tool/0/terminal', '1/tool/1/unknown', '1/tool/2/noError'].map((id) => `${RUN_ID}/${id}`)
      expectEqual(await bench.effects(), [...ids, ...ids].sort(), 'what was done: each tool twice')
      const again = await bench.run('failing', { plugins: plugins(2) })
      expectEqual(essenceOf(again), essenceOf(first), 'the result from the record')
      expectEqual((await bench.effects()).length, 6, 'the number of times that tools ran')
    },
  },
]
