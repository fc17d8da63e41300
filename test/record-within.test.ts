import { recordWithin } from 'holdfast'
import { expect, it } from 'vitest'

const step = {
  kind: 'tool',
  id: '1/tool/0/read',
  execution: 1,
  name: 'read',
  input: null,
  policy: { effect: 'repeatable' },
} as const
const record = { of: 'tool:read:x', output: { text: 'é'.repeat(2_000) } }
const size = Buffer.byteLength(JSON.stringify(record))

it('leaves a record that fits, counted in bytes of UTF-8', () => {
  expect(recordWithin(step, record, size)).toBe(record)
  expect(recordWithin(step, record, size - 1)).not.toBe(record)
})

it('says of a tool that it ran, with the beginning of what it gave', () => {
  const truncated = JSON.stringify(record.output).slice(0, 1_000)
  expect(recordWithin(step, record, 1_500)).toEqual({ of: record.of, output: { ran: true, truncated, bytes: size } })
})

it('refuses all else', () => {
  const refused = { code: 'PAYLOAD_TOO_LARGE', kind: 'terminal', details: { step: step.id, limit: 100 } }
  const failed = { of: record.of, error: { code: 'TOOL_FAILED', kind: 'terminal', message: 'x'.repeat(200) } } as const
  expect(recordWithin(step, failed, 100, 'say less')).toMatchObject({ of: record.of, error: refused })
  expect(recordWithin(step, failed, 100, 'say less').error?.message).toMatch(
    / bytes of JSON, and 100 are taken: say less\.$/,
  )
  expect(recordWithin({ ...step, kind: 'task' }, record, 100)).toMatchObject({ error: refused })
})
