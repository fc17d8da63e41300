/** What a worker remembers of conversations, over a state store in memory. */
import type { Message } from 'holdfast'
import { expect, test, vi } from 'vitest'
import { Conversations, endOf } from '../../../src/plugins/dapr/conversations.ts'
import type { StepCall } from '../../../src/plugins/dapr/protocol.ts'
import { memoryRows } from './support/memory-state.ts'

const NOTHING = { length: 0, digest: '' }
const call = { nonce: 'nonce', step: { kind: 'model', id: '2/model', execution: 1, name: 'model' } } as StepCall

const said = (letters: number): Message => ({ role: 'user', content: [{ type: 'text', text: 'x'.repeat(letters) }] })

async function readsAfter(append: readonly Message[], limit: number): Promise<number> {
  const rows = memoryRows()
  const conversations = new Conversations(rows, limit)
  await conversations.keep(call, { base: NOTHING, append }, [])
  const reads = vi.spyOn(rows, 'get')
  expect(await conversations.before(call, endOf({ base: NOTHING, append }))).toEqual(append)
  return reads.mock.calls.length
}

test('what is remembered is told by all messages, and not by the last one', async () => {
  const many = Array.from({ length: 20 }, () => said(10))
  expect(await readsAfter([...many, said(1_000)], 5_000)).toBe(0)
  expect(await readsAfter([said(6_000), ...many], 5_000)).toBe(1)
})
