/** Clause: a sub-agent that runs inline is a part of the run. */
import { expectEqual } from '../expect.ts'
import { RUN_ID } from '../bench.ts'
import { essenceOf } from '../essence.ts'
import { sleep } from '../life.ts'
import type { CaseDefinition } from './case.ts'

export const subAgents: readonly CaseDefinition[] = [
  {
    name: 'sub-agents',
    clause: 'The steps of a sub-agent are steps of the run: recorded, with ids under that of the call, not done again.',
    async run(bench) {
      const { world } = bench
      await world.hold('beside did')
      const dead = await bench.start('parent')
      void dead.run()
      await Promise.all([world.reached('beside did'), world.reached('inner did')])
      // The sub-agent gets as far as it can; the tool beside it stays in its middle.
      await sleep(50)
      await dead.kill()
      await world.release('beside did')
      const result = await bench.run('parent')
      expectEqual(result.text, 'the child has 2; beside-done', 'the text of the run')
      expectEqual(
        await bench.effects(),
        [`${RUN_ID}/1/agent/0/child/1/tool/0/inner`, `${RUN_ID}/1/tool/1/beside`, `${RUN_ID}/1/tool/1/beside`],
        'what was done',
      )
      expectEqual(essenceOf(await bench.run('parent')), essenceOf(result), 'the result from the record')
    },
  },
]
