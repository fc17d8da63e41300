/** Clause: what a run is does not change in flight. */
import { Agent } from '../../agent.ts'
import { call, text } from '../scripted-reply.ts'
import { scriptedModel } from '../scripted-model.ts'
import { effectTool } from '../agents/parts.ts'
import type { World } from '../world.ts'
import { expectEqual } from '../expect.ts'
import type { CaseDefinition } from './case.ts'

/** An agent that says what it was told to be. */
function echo(world: World, instructions: string): Agent {
  return new Agent({
    name: 'echo',
    instructions,
    model: scriptedModel((prompt, turn) =>
      turn === 1 ? call('work') : text(String(prompt.find(({ role }) => role === 'system')?.content)),
    ),
    tools: [effectTool(world, 'work', () => 'worked')],
  })
}

export const pinned: readonly CaseDefinition[] = [
  {
    name: 'pinned',
    clause: 'What defines a run (instructions, tools, limits) is pinned in it: a deploy changes new runs alone.',
    inProcess: true,
    async run(bench) {
      const { world } = bench
      await world.hold('work did')
      const dead = await bench.startWith((own) => echo(own, 'Be kind.'))
      void dead.run()
      await world.reached('work did')
      await dead.kill()
      await world.release('work did')
      const deployed = await bench.startWith((own) => echo(own, 'Be brief.'))
      expectEqual((await deployed.run()).text, 'Be kind.', 'the instructions of the run in flight')
      expectEqual((await deployed.run('go', { runId: 'new' })).text, 'Be brief.', 'the instructions of a new run')
      await deployed.stop()
    },
  },
]
