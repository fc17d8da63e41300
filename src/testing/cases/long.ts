/** Clause: a long run is no other than a short one. */
import { LONG_TURNS } from '../agents/long.ts'
import { check, expectEqual } from '../expect.ts'
import type { CaseDefinition } from './case.ts'

/** Milliseconds for each step of a long run when it is read from the record: far more than it should take. */
const REPLAY_LIMIT = 5

export const long: readonly CaseDefinition[] = [
  {
    name: 'a thousand steps',
    clause: 'A run of a thousand steps completes, and is read from the record without doing any of them again.',
    async run(bench) {
      const result = await bench.run('long')
      expectEqual(
        { status: result.status, turns: result.turns },
        { status: 'completed', turns: LONG_TURNS },
        'the end of the run',
      )
      const steps = LONG_TURNS * 4 - 3
      const began = Date.now()
      const again = await bench.run('long')
      const took = (Date.now() - began) / steps
      expectEqual(again.messages.length, result.messages.length, 'the length of the conversation')
      const effects = await bench.world.effects()
      expectEqual(effects.length, (LONG_TURNS - 1) * 3, 'how many tools ran')
      check(took < REPLAY_LIMIT, `reading it from the record took ${took.toFixed(1)} ms for each step`)
    },
  },
]
