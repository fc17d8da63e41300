/** Clause: a step with effect 'once' is never done again blindly. */
import { check, expectEqual, expectError } from '../expect.ts'
import type { CaseDefinition } from './case.ts'
import { resultsOf } from './codec.ts'

const UNKNOWN = '1/tool/0/book/unknown'

export const once: readonly CaseDefinition[] = [
  {
    name: 'once',
    clause: "A step with effect 'once' never runs again after a crash: a person says what became of it.",
    async run(bench) {
      const { world, supports } = bench
      await world.hold('book did')
      const dead = await bench.start('booking')
      const running = dead.run()
      if (!supports.once && dead.plugin.durability?.dispatch === 'name') {
        await expectError(running, ['UNSUPPORTED'], "an agent with effect 'once'")
        return
      }
      await world.reached('book did')
      await dead.kill()
      await world.release('book did')
      const next = await bench.run('booking')
      expectEqual((await bench.effects()).length, 1, 'how often the booking was made')
      if (!supports.waits) {
        const told = JSON.stringify(resultsOf(next.messages)['book'])
        check(told.includes('error-text'), `the model was told ${told}, and nobody knows the outcome`)
        return
      }
      expectEqual(
        { status: next.status, waits: next.waits.map(({ id }) => id) },
        { status: 'waiting', waits: [UNKNOWN] },
        'the run whose booking is in doubt',
      )
      await bench.respond(UNKNOWN, { status: 'done', output: 'JL44-1' })
      expectEqual((await bench.run('booking')).text, 'booked JL44-1', 'the text, once a person found out')
      expectEqual((await bench.effects()).length, 1, 'how often the booking was made')
    },
  },
]
