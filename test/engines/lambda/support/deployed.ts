/** What examples/lambda does when it is deployed, on the emulator or on an account: cases as data, told which runs to use. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LambdaRunHandle, LambdaRuns } from 'holdfast/lambda'
import { isHoldfastError } from 'holdfast'
import { travel } from '../../../../examples/lambda/agent.ts'

export const APPROVAL = '2/tool/0/bookFlight/approval'
const INPUT = 'Fly me to Tokyo'
const YES = { approved: true, by: 'the suite' }

export interface DeployedCase {
  readonly name: string
  /** @param runId one that nobody has used */
  run(runs: LambdaRuns, runId: string): Promise<void>
}

export const deployedCases: readonly DeployedCase[] = [
  {
    name: 'a run waits for its approval, is answered once, and ends',
    async run(runs, runId) {
      const run = await runs.start(travel, INPUT, { runId })
      const { waits } = await waiting(run)
      assert.deepEqual(
        waits.map(({ id }) => id),
        [APPROVAL],
      )
      await refused(run.respond(APPROVAL, { approved: 'yes' }), ['ANSWER_INVALID'])
      await refused(run.respond('2/tool/1/bookFlight/approval', YES), ['WAIT_NOT_FOUND'])
      await run.respond(APPROVAL, YES)
      await refused(run.respond(APPROVAL, YES), ['WAIT_ANSWERED', 'WAIT_NOT_FOUND'])
      const result = await run.result()
      assert.equal(result.status, 'completed')
      assert.match(result.text, /JL44-1/)
      const { status, waits: left } = await run.status()
      assert.deepEqual({ status, left }, { status: 'completed', left: [] })
    },
  },
  {
    name: 'a run is found by its id, by whoever looks for it; it is started once',
    async run(runs, runId) {
      await runs.start(travel, INPUT, { runId })
      await runs.start(travel, INPUT, { runId })
      await refused(runs.start(travel, 'Fly me to Oslo', { runId }), ['RUN_CONFLICT'])
      const found = runs.get(runId)
      await waiting(found)
      await found.respond(APPROVAL, { approved: false, reason: 'too dear' })
      const { status, messages } = await found.result()
      assert.equal(status, 'completed')
      assert.match(JSON.stringify(messages), /too dear/)
      await refused(runs.get(`${runId}-none`).status(), ['RUN_NOT_FOUND'])
    },
  },
  {
    name: 'a run that waits is cancelled, with the reason and its messages',
    async run(runs, runId) {
      const run = await runs.start(travel, INPUT, { runId })
      await waiting(run)
      await run.cancel('enough')
      const { status, reason, messages } = await run.result()
      assert.deepEqual({ status, reason }, { status: 'cancelled', reason: 'enough' })
      assert.ok(messages.length > 2)
    },
  },
  {
    name: 'a run that is deleted is stopped where it is',
    async run(runs, runId) {
      const run = await runs.start(travel, INPUT, { runId })
      await waiting(run)
      await runs.delete(runId)
      assert.equal((await run.status()).status, 'cancelled')
      await refused(run.respond(APPROVAL, YES), ['WAIT_NOT_FOUND'])
    },
  },
]

async function waiting(run: LambdaRunHandle): ReturnType<LambdaRunHandle['status']> {
  for (;;) {
    const status = await run.status()
    if (status.status === 'waiting') return status
    assert.ok(status.status === 'running', `the run is ${status.status} before it waits`)
    await sleep(100)
  }
}

async function refused(work: Promise<unknown>, codes: readonly string[]): Promise<void> {
  const error = await work.then(
    () => undefined,
    (failure: unknown) => failure,
  )
  if (!isHoldfastError(error))
    throw error ?? new Error(`it was taken, and should be refused with ${codes.join(' or ')}`)
  assert.ok(codes.includes(error.code), `refused with ${error.code}, and not ${codes.join(' or ')}: ${error.message}`)
}
