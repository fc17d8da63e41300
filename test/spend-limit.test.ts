/** A limit on what a run spends counts once, whatever happens to its process. */
import { Agent, tool } from 'holdfast'
import { call, crashEverywhere, createHarness, reply, scriptedModel, text } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { spendLimit } from './support/spend-limit.ts'

const usage = { inputTokens: 30, outputTokens: 10, totalTokens: 40 }

/** An agent whose model spends 40 tokens a turn, three turns long. */
function spender(limit: number): Agent {
  const look = () => reply([call('look')], { usage })
  return new Agent({
    name: 'spender',
    model: scriptedModel([look(), look(), reply([text('done')], { usage })]),
    tools: [tool({ name: 'look', input: { type: 'object' }, execute: () => 'seen' })],
  }).use(spendLimit(limit))
}

test('each model call is counted', async () => {
  const harness = createHarness(spender(100))
  await harness.fire('AfterModelCall', { outcome: { status: 'ok', output: { usage } as never } })
  await harness.fire('AfterModelCall', { outcome: { status: 'ok', output: { usage } as never } })
  expect(harness.stateOf('spend-limit')).toEqual({ spent: 80 })
  expect((await harness.fire('BeforeModelCall')).cancelled).toBeUndefined()
  await harness.fire('AfterModelCall', { outcome: { status: 'ok', output: { usage } as never } })
  expect((await harness.fire('BeforeModelCall')).cancelled).toBe('more than 100 tokens')
})

test('a run over the limit ends before the next call', async () => {
  const result = await createHarness(spender(50)).run('go')
  expect(result).toMatchObject({ status: 'cancelled', reason: 'more than 50 tokens', turns: 2 })
})

test('it counts once, wherever the process dies', async () => {
  // Just enough for all three turns: counted twice, any of them would end the run.
  const report = await crashEverywhere({ agent: () => spender(100), input: 'go' })
  report.assert()
})
