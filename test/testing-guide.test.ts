/** The code of docs/testing.md. */
import { Agent, tool } from 'holdfast'
import { call, createHarness, crashEverywhere, formatTrace, scriptedModel, text } from 'holdfast/testing'
import { expect, test } from 'vitest'

const pay = tool({
  name: 'pay',
  input: { type: 'object', properties: { amount: { type: 'number' } }, required: ['amount'] },
  approval: (input) => (input as { amount: number }).amount > 500,
  execute: (input) => `paid ${(input as { amount: number }).amount}`,
})

function cashier(): Agent {
  const agent = new Agent({
    name: 'cashier',
    model: scriptedModel([call('pay', { amount: 900 }), text('It is paid.')]),
    tools: [pay],
  })
  return agent.on('BeforeToolCall', (event) => {
    if ((event.step.input as { amount: number }).amount > 1000) event.denyStep('too much')
  })
}

test('a hook alone', async () => {
  const harness = createHarness(cashier())
  const event = await harness.fire('BeforeToolCall', { step: { name: 'pay', input: { amount: 2000 } } })
  expect(event.denied).toBe('too much')
})

test('a run, as a list of what happened', async () => {
  const harness = createHarness(cashier(), { answers: () => ({ approved: true }) })
  const result = await harness.run('Pay the bill')
  expect(result.text).toBe('It is paid.')
  expect(formatTrace(harness.trace)).toContain('step 1/tool/0/pay')
})

test('a crash at one place', async () => {
  const harness = createHarness(cashier(), { answers: () => ({ approved: true }) })
  await harness.run('Pay the bill')
  const result = await harness.crashAt('1/tool/0/pay', 'after-record').resume()
  expect(result.text).toBe('It is paid.')
  expect(harness.executions('1/tool/0/pay')).toBe(1)
})

test('crashes everywhere', async () => {
  const report = await crashEverywhere({
    agent: cashier,
    input: 'Pay the bill',
    answers: () => ({ approved: true }),
  })
  report.assert() // or: console.log(report.toString())
})
