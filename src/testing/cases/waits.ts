/** Clause: a person is waited for as long as it takes, and is asked once. */
import { APPROVAL_TIMEOUT } from '../agents/waiting.ts'
import type { Bench } from '../bench.ts'
import { RUN_ID } from '../bench.ts'
import { essenceOf } from '../essence.ts'
import { check, expectEqual, expectError } from '../expect.ts'
import { sleep } from '../life.ts'
import type { RunResult } from '../../run.ts'
import type { CaseDefinition } from './case.ts'

export const PAY: string = '1/tool/0/pay/approval'
export const SEND: string = '1/tool/2/send/approval'
export const CLOSE: string = '2/tool/0/close/approval'
export const YES: { readonly approved: true } = { approved: true }

/** The run waits for these, in this order. */
export function expectWaits(result: RunResult, ids: readonly string[], when: string): void {
  expectEqual(
    { status: result.status, waits: result.waits.map(({ id }) => id) },
    { status: 'waiting', waits: ids },
    when,
  )
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

async function toTheEnd(bench: Bench): Promise<RunResult> {
  expectWaits(await bench.run('approvals'), [PAY, SEND], 'at first')
  await bench.respond(PAY, YES)
  await bench.respond(SEND, YES)
  expectWaits(await bench.run('approvals'), [CLOSE], 'after the first answers')
  await bench.respond(CLOSE, YES)
  return bench.run('approvals')
}
