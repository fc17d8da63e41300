/** Clause: a failure is an outcome, recorded like any other; what is worth another try is tried again, by one alone. */
import { RETRY_AFTER } from '../agents/failing.ts'
import { RUN_ID } from '../bench.ts'
import type { CaseDefinition } from './case.ts'
import { essenceOf } from '../essence.ts'
import { check, expectEqual, expectError } from '../expect.ts'

export const errors: readonly CaseDefinition[] = [
  {
    name: 'errors: terminal and unknown',
    clause: 'What a tool throws is told to the model, is recorded, and is not tried again.',
    async run(bench) {
      const first = await bench.run('failing')
      expectEqual(first.text, 'sold out; x is not a function; just a text', 'what the model was told')
      const again = await bench.run('failing')
      expectEqual(essenceOf(again), essenceOf(first), 'the result from the record')
      const ids = ['1/tool/0/terminal', '1/tool/1/unknown', '1/tool/2/noError'].map((id) => `${RUN_ID}/${id}`)
      expectEqual(await bench.effects(), ids, 'what was tried')
    },
  },
  {
    name: 'errors: retryable',
    clause: 'A retryable failure is tried again by the policy, as often as it says and not before it says.',
    async run(bench) {
      const started = Date.now()
      const first = await bench.run('flaky')
      expectEqual(first.text, 'later-done; again-done; always busy', 'what the model was told')
      const took = Date.now() - started
      // Timers may fire a little early.
      check(took >= RETRY_AFTER - 5, `retryAfter was ${RETRY_AFTER} ms, and all was done after ${took} ms`)
      const tries = Object.groupBy(await bench.world.effects(), ({ data }) => String((data as { tool: string }).tool))
      const counts = Object.fromEntries(Object.entries(tries).map(([name, list]) => [name, list?.length]))
      expectEqual(counts, { later: 2, again: 3, never: 3 }, 'how often each tool was tried')
      const attempts = tries['again']?.map(({ data }) => (data as { attempt: number }).attempt)
      expectEqual(attempts, [1, 2, 3], 'the numbers of the attempts')
      await bench.run('flaky')
      expectEqual((await bench.effects()).length, 8, 'how often tools were tried, with the run asked for again')
    },
  },
  {
    name: 'errors: model',
    clause:
      'A model that is overloaded is asked again; one that refuses fails the run, now and whenever it is asked for.',
    async run(bench) {
      const well = await bench.run('overloaded', { runId: 'well' })
      expectEqual(well.text, 'well again', 'the text after a retry')
      const failure = await expectError(bench.run('refused'), ['MODEL_FAILED'], 'a run whose model refuses')
      const again = await expectError(bench.run('refused'), ['MODEL_FAILED'], 'a failed run that is asked for again')
      expectEqual(again.message, failure.message, 'the message of the failure')
      expectEqual((await bench.effects()).length, 1, 'the number of times that the tool ran')
    },
  },
]
