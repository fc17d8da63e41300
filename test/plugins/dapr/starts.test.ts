/** What a workflow of the app's own is given: by `daprRuns().start()`, or by anybody. */
import { Agent } from 'holdfast'
import { scriptedModel, text } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { PROTOCOL } from '../../../src/plugins/dapr/protocol.ts'
import { heldIfLarge, isStart } from '../../../src/plugins/dapr/starts.ts'

const spec = new Agent({ name: 'one', model: scriptedModel(() => text('hello')) }).describe()
const start = { version: PROTOCOL, runId: 'run', nonce: 'nonce', spec, input: 'go' }

test('a start is known, and so is one that is held', () => {
  const held = heldIfLarge({ ...start, input: 'x'.repeat(100_000) })
  expect(held).toHaveProperty('held')
  expect([start, held].map(isStart)).toEqual([true, true])
})

test("what an app gives to a workflow of its own is not taken for one, whatever its members' names", () => {
  const others = [
    undefined,
    null,
    'go',
    1,
    {},
    { runId: 'run', nonce: 'nonce' },
    { ...start, spec: undefined },
    { ...start, version: '1' },
  ]
  expect(others.map(isStart)).toEqual(others.map(() => false))
})
