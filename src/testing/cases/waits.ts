/** Clause: a person is waited for as long as it takes, and is asked once. */
import { APPROVAL_TIMEOUT } from '../agents/waiting.ts'
import { conformanceAgent } from '../agents.ts'
import type { Bench } from '../bench.ts'
import { RUN_ID } from '../bench.ts'
import { essenceOf } from '../essence.ts'
import { check, expectEqual, expectError } from '../expect.ts'
import { withPlugins } from '../engine.ts'
import { sleep } from '../life.ts'
import { withInput } from '../../step-wrap.ts'
import type { AgentPlugin } from '../../plugin.ts'
import type { RunResult } from '../../run.ts'
import type { CaseDefinition } from './case.ts'

const PAY = '1/tool/0/pay/approval'
const SEND = '1/tool/2/send/approval'
const CLOSE = '2/tool/0/close/approval'
const YES = { approved: true }

function expectWaits(result: RunResult, ids: readonly string[], when: string): void {
  expectEqual(
    { status: result.status, waits: result.waits.map(({ id }) => id) },
    { status: 'waiting', waits: ids },
    when,
  )
}

async function toTheEnd(bench: Bench): Promise<RunResult> {
  expectWaits(await bench.run('approvals'), [PAY, SEND], 'at first')
  await bench.respond(PAY, YES)
  await bench.respond(SEND, YES)
  expectWaits(await bench.run('approvals'), [CLOSE], 'after the first answers')
  await bench.respond(CLOSE, YES)
  return bench.run('approvals')
}

export const waits: readonly CaseDefinition[] = [
  {
    name: 'waits: together',
    clause:
      'All waits of a batch are open together, none of its tools starts before all are answered, and then the run goes on.',
    requires: ['waits'],
    async run(bench) {
      expectWaits(await bench.run('approvals'), [PAY, SEND], 'at first')
      expectEqual(await bench.effects(), [], 'what was done before an answer')
      await bench.respond(SEND, YES)
      expectWaits(await bench.run('approvals'), [PAY], 'after one of two answers')
      expectEqual(await bench.effects(), [], 'what was done before the last answer')
      await bench.respond(PAY, YES)
      expectWaits(await bench.run('approvals'), [CLOSE], 'after both answers')
      await bench.respond(CLOSE, YES)
      const result = await bench.run('approvals')
      expectEqual(result.text, 'paid 1, looked, sent to Ann', 'the text of the run')
      expectEqual(essenceOf(await bench.run('approvals')), essenceOf(result), 'the result from the record')
      expectEqual((await bench.effects()).length, 4, 'the number of times that tools ran')
    },
  },
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
    name: 'waits: after a crash',
    clause:
      'A wait survives the process, with its id; an answer that is given while no process runs is there for the next.',
    requires: ['waits'],
    async run(bench) {
      const dead = await bench.start('approvals')
      expectWaits(await dead.run(), [PAY, SEND], 'at first')
      await dead.kill()
      await bench.respond(PAY, YES)
      const next = await bench.start('approvals')
      expectWaits(await next.run(), [SEND], 'after a crash and one answer')
      await next.kill()
      await bench.respond(SEND, YES)
      expectWaits(await bench.run('approvals'), [CLOSE], 'after the second crash')
    },
  },
  {
    name: 'waits: timeout',
    clause:
      'A wait that has a time limit is over when the time is, also if no process ran meanwhile; then no answer is taken.',
    requires: ['waits'],
    async run(bench) {
      const id = '1/tool/0/pay/approval'
      const first = await bench.start('impatient')
      expectWaits(await first.run(), [id], 'at first')
      await first.kill()
      await sleep(APPROVAL_TIMEOUT + 10)
      let result = await bench.run('impatient')
      for (let tries = 0; result.status === 'waiting' && tries < 100; tries++) {
        await sleep(10)
        result = await bench.run('impatient')
      }
      check(result.text.endsWith('the approval was not given in time'), `the text of the run is ${result.text}`)
      await expectError(bench.respond(id, YES), ['WAIT_ANSWERED', 'WAIT_NOT_FOUND'], 'an answer that comes too late')
      expectEqual(await bench.effects(), [], 'what was done')
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
  {
    name: 'waits: blocking',
    clause: "With onWait 'block' the run stays, and goes on when the answer is there.",
    requires: ['waits'],
    async run(bench) {
      const process = await bench.start('approvals')
      const running = process.run('go', { onWait: 'block' })
      for (const id of [PAY, SEND, CLOSE]) await respondWhenOpen(bench, id, running)
      expectEqual((await running).text, 'paid 1, looked, sent to Ann', 'the text of the run')
      await process.stop()
    },
  },
  {
    name: 'waits: interrupt',
    clause: 'What a hook asks for is answered like an approval, checked against its schema, and given to the hook.',
    requires: ['waits'],
    inProcess: true,
    async run(bench) {
      const asking: AgentPlugin = {
        name: 'asking',
        hooks: {
          async BeforeToolCall(event) {
            if (event.step.name !== 'join') return
            const schema = { type: 'object', properties: { word: { type: 'string' } }, required: ['word'] }
            const answer = (await event.interrupt({ name: 'word', data: { for: 'join' }, schema })) as { word: string }
            event.run.state = { word: answer.word }
            event.step = withInput(event.step, { left: answer.word } as never)
          },
        },
      }
      const id = '2/tool/0/join/wait/asking/word'
      expectWaits(await bench.run('pair', { plugins: [asking] }), [id], 'at first')
      await expectError(bench.respond(id, { word: 5 }), ['ANSWER_INVALID'], 'an answer that does not fit the schema')
      await bench.respond(id, { word: 'LEFT' })
      const result = await bench.run('pair', { plugins: [asking] })
      expectEqual(result.text, 'left-done and right-done make LEFT+right-done', 'the text of the run')
      expectEqual(result.state.plugins['asking'], { word: 'LEFT' }, "the plugin's JSON")
    },
  },
  {
    name: 'waits: the whole way',
    clause: 'A run that waited gives the same as often as it is asked for, and no tool ran twice.',
    requires: ['waits'],
    async run(bench) {
      const result = await toTheEnd(bench)
      expectEqual(essenceOf(await bench.run('approvals')), essenceOf(result), 'the result from the record')
      expectEqual(new Set(await bench.effects()).size, 4, 'the number of different effects')
      expectEqual((await bench.effects()).length, 4, 'the number of effects')
      check(result.runId === RUN_ID, `the run's id is ${result.runId}`)
    },
  },
]

async function respondWhenOpen(bench: Bench, id: string, running: Promise<unknown>): Promise<void> {
  let over = false
  running.then(
    () => {
      over = true
    },
    () => {
      over = true
    },
  )
  for (;;) {
    try {
      return await bench.respond(id, YES)
    } catch (error) {
      if (over) throw error
      await sleep(5)
    }
  }
}
