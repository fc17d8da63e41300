/** Clause: an answer is taken once, for what was asked, and only if it fits. */
import { conformanceAgent } from '../agents.ts'
import { check, expectEqual, expectError } from '../expect.ts'
import { withPlugins } from '../engine.ts'
import { withInput } from '../../step-wrap.ts'
import type { AgentPlugin } from '../../plugin.ts'
import type { CaseDefinition } from './case.ts'
import { CLOSE, PAY, SEND, YES } from './waits.ts'

export const answers: readonly CaseDefinition[] = [
  {
    name: 'waits: answers',
    clause:
      'An answer to what is not asked, not asked yet, or answered already is refused, and so is one that does not fit.',
    requires: ['waits'],
    async run(bench) {
      await expectError(bench.respond(PAY, YES), ['WAIT_NOT_FOUND', 'RUN_NOT_FOUND'], 'an answer before the run')
      await bench.run('approvals')
      await expectError(bench.respond(CLOSE, YES), ['WAIT_NOT_FOUND'], 'an answer to what is not asked yet')
      await expectError(bench.respond('1/tool/1/look/approval', YES), ['WAIT_NOT_FOUND'], 'an answer that nobody wants')
      await expectError(bench.respond(PAY, { approved: 'yes' }), ['ANSWER_INVALID'], 'an answer that does not fit')
      await bench.respond(PAY, { approved: false, reason: 'too dear' })
      await expectError(bench.respond(PAY, YES), ['WAIT_ANSWERED'], 'a second answer')
      await bench.respond(SEND, { approved: true, input: { to: 'Bob' } })
      await bench.run('approvals')
      await bench.respond(CLOSE, YES)
      const result = await bench.run('approvals')
      const said = result.text
      check(said.endsWith('too dear, looked, sent to Bob'), `the text, with one refused and one changed, is ${said}`)
      await expectError(bench.respond(CLOSE, YES), ['WAIT_ANSWERED', 'WAIT_NOT_FOUND'], 'an answer after the end')
    },
  },
  {
    name: 'waits: at the same time',
    clause: 'Of two answers that are given at the same time one counts, and the other is told so.',
    requires: ['waits'],
    async run(bench) {
      await bench.run('approvals')
      const given = await Promise.allSettled([
        bench.respond(PAY, YES),
        bench.respond(PAY, { approved: false, reason: 'no' }),
        bench.respond(PAY, YES),
      ])
      const won = given.filter(({ status }) => status === 'fulfilled')
      check(won.length === 1, `of three answers at the same time ${won.length} were taken`)
    },
  },
  {
    name: 'waits: bound to the input',
    clause: 'An approval is for the input that was shown: with another one nothing runs on it.',
    requires: ['waits'],
    inProcess: true,
    async run(bench) {
      await bench.run('approvals')
      await bench.respond(PAY, YES)
      await bench.respond(SEND, YES)
      const dearer: AgentPlugin = {
        name: 'dearer',
        hooks: {
          BeforeToolCall(event) {
            if (event.step.name === 'pay') event.step = withInput(event.step, { amount: 1_000 } as never)
          },
        },
      }
      const changed = await bench.startWith((world) =>
        withPlugins(conformanceAgent('approvals', world).definition, [dearer]),
      )
      // Asked anew, or a divergence: what may not be is that it is paid.
      await changed.run().catch(() => {})
      const paid = (await bench.effects()).filter((key) => key.includes('pay'))
      expectEqual(paid, [], 'what was paid with an approval of another amount')
    },
  },
]
