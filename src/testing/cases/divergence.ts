/** Clause: a deploy that does other steps than were recorded is told so. */
import type { Agent } from '../../agent.ts'
import { withInput } from '../../step-wrap.ts'
import { conformanceAgent } from '../agents.ts'
import type { World } from '../world.ts'
import { check, expectEqual, expectError } from '../expect.ts'
import type { CaseDefinition } from './case.ts'
import { PAIR_EFFECTS } from './replay.ts'

/** Its tool `right` is given something else. */
function changedPair(world: World): Agent {
  return conformanceAgent('pair', world).on('BeforeToolCall', (event) => {
    if (event.step.name === 'right') event.step = withInput(event.step, { of: 'another' } as never)
  })
}

export const divergence: readonly CaseDefinition[] = [
  {
    name: 'divergence',
    clause:
      'A deploy that asks for other steps than were recorded is told which, nothing recorded changes, and a roll-back goes on.',
    inProcess: true,
    async run(bench) {
      const { world } = bench
      await world.hold('join begins')
      const dead = await bench.start('pair')
      void dead.run()
      await world.reached('join begins')
      await dead.kill()
      await world.release('join begins')
      const deployed = await bench.startWith((own) => changedPair(own))
      const failure = await expectError(deployed.run(), ['DIVERGED'], 'a deploy that gives a tool another input')
      await deployed.stop()
      check(failure.message.includes('1/tool/1/right'), `the step is not named: ${failure.message}`)
      const back = await bench.run('pair')
      expectEqual(back.text, 'left-done and right-done make left-done+right-done', 'the text after the roll-back')
      expectEqual(await bench.effects(), PAIR_EFFECTS, 'what was done')
    },
  },
]
