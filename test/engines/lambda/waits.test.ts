/** Waits: who is told of one, what counts as an answer, and how long one is open. In real time, as retries are a part of it. */
import { setTimeout as sleep } from 'node:timers/promises'
import { SendDurableExecutionCallbackSuccessCommand } from '@aws-sdk/client-lambda'
import { Agent, isHoldfastError, tool } from 'holdfast'
import type { LambdaHandlerOptions, LambdaRunHandle, LambdaRunStatus, LambdaRuns, OpenedWait } from 'holdfast/lambda'
import { lambdaAgentHandler } from 'holdfast/lambda'
import { call, scriptedModel, text } from 'holdfast/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { LambdaWorld } from './support/world.ts'

const ASK = '1/tool/0/ask/approval'

let world: LambdaWorld

beforeAll(async () => {
  world = await LambdaWorld.start({ skipTime: false })
})

afterAll(() => world.stop())

const agent = new Agent({
  name: 'asker',
  model: scriptedModel([call('ask', { for: 'leave' }), text('done')]),
  tools: [tool({ name: 'ask', input: { type: 'object' }, approval: true, execute: () => 'asked' })],
})

function serve(options: LambdaHandlerOptions = {}, on: LambdaWorld = world): LambdaRuns {
  return on.serve(lambdaAgentHandler(agent, { ...options, durable: { client: on.client } }) as never).runs
}

async function waiting(run: LambdaRunHandle, isSo = ({ status }: LambdaRunStatus) => status === 'waiting') {
  for (;;) {
    const status = await run.status()
    if (isSo(status)) return status
    await sleep(10)
  }
}

test('a person is told again until it works, of the same wait, which is open and can be answered meanwhile', async () => {
  const told: OpenedWait[] = []
  const runs = serve({
    notify(wait) {
      told.push(wait)
      if (told.length === 1) throw new Error('the post office is closed')
    },
  })
  const run = await runs.start(agent, 'go', { runId: 'told' })
  const { waits } = await waiting(run)
  expect(waits).toEqual([{ id: ASK, callbackId: told[0]?.callbackId, input: told[0]?.input }])
  expect(told).toHaveLength(1)
  await run.respond(ASK, { approved: true })
  expect((await run.result()).status).toBe('completed')
  expect(told.map(({ runId, waitId }) => ({ runId, waitId }))).toEqual([
    { runId: 'told', waitId: ASK },
    { runId: 'told', waitId: ASK },
  ])
  expect(new Set(told.map(({ callbackId }) => callbackId)).size).toBe(1)
})

test('a run whose person can never be told waits all the same', async () => {
  const hasty = await LambdaWorld.start()
  let times = 0
  const notify = (): void => {
    times++
    throw new Error('nobody is there')
  }
  try {
    const run = await serve({ notify }, hasty).start(agent, 'go', { runId: 'untold' })
    await waiting(run, () => times === 20)
    await run.respond(ASK, { approved: true })
    expect((await run.result()).status).toBe('completed')
    expect(times).toBe(20)
  } finally {
    await hasty.stop()
  }
})

test('what was sent past respond() and is no answer is asked for once more', async () => {
  const run = await serve().start(agent, 'go', { runId: 'past' })
  const [first] = (await waiting(run)).waits
  for (const [nonsense, rounds] of [
    ['no JSON', 1],
    ['{"approved":"yes"}', 2],
  ] as const) {
    const { waits } = await waiting(run, ({ status, waits: [open] }) => status === 'waiting' && open !== undefined)
    const callbackId = waits[0]?.callbackId
    const Result = new TextEncoder().encode(nonsense)
    await world.client.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId: callbackId, Result }))
    const again = await waiting(run, ({ waits: [open] }) => open !== undefined && open.callbackId !== callbackId)
    expect(again.waits, `round ${rounds}`).toMatchObject([{ id: ASK, input: { type: 'approval', tool: 'ask' } }])
  }
  await run.respond(ASK, { approved: true })
  expect((await run.result()).status).toBe('completed')
  expect(first?.id).toBe(ASK)
})

test('of two answers at once one is taken', async () => {
  const run = await serve().start(agent, 'go', { runId: 'twice' })
  await waiting(run)
  const given = await Promise.allSettled([run.respond(ASK, { approved: true }), run.respond(ASK, { approved: true })])
  const refused = given.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
  expect(refused.map((error) => isHoldfastError(error, 'WAIT_ANSWERED'))).toEqual([true])
  expect((await run.result()).status).toBe('completed')
})

test('a callback for which no heartbeat comes is over; its run is told that nobody answered in time', async () => {
  const run = await serve({ heartbeatTimeout: 1_000 }).start(agent, 'go', { runId: 'heartbeat' })
  const { messages } = await run.result()
  expect(JSON.stringify(messages)).toContain('the approval was not given in time')
})
