import { describe, expect, test } from 'vitest'
import { validateAnswer } from '../src/answer.ts'
import type { WaitInput } from '../src/step-kinds.ts'

const approval: WaitInput = { type: 'approval', of: 'x', tool: 'book', toolCallId: 'c', input: {} }
const unknown: WaitInput = { type: 'unknown-outcome', of: 'x', tool: 'book', input: {} }
const schema = { type: 'object', properties: { seat: { type: 'string' } }, required: ['seat'] }
const interrupt: WaitInput = { type: 'interrupt', of: 'x', name: 'seat', schema }

const refused = expect.objectContaining({ code: 'ANSWER_INVALID', kind: 'terminal' })

describe('approvals', () => {
  test.each([
    { approved: true },
    { approved: false, reason: 'too dear', by: 'ada' },
    { approved: true, input: { price: 3 } },
    { approved: true, input: null },
  ])('%j is one', (answer) => {
    expect(validateAnswer(approval, answer)).toEqual(answer)
  })

  test.each([
    true,
    'yes',
    null,
    [],
    {},
    { approved: 'yes' },
    { approve: true },
    { approved: true, reson: 'x' },
    { approved: true, by: 3 },
  ])('%j is none', (answer) => {
    expect(() => validateAnswer(approval, answer)).toThrow(refused)
  })

  test('a member of the prototype does not count', () => {
    expect(() => validateAnswer(approval, JSON.parse('{"approved":true,"constructor":1}'))).toThrow(refused)
    expect(() => validateAnswer(approval, Object.create(null))).toThrow(refused)
  })

  test('members that are undefined are left out', () => {
    expect(validateAnswer(approval, { approved: true, reason: undefined })).toEqual({ approved: true })
  })
})

describe('unknown outcomes', () => {
  test.each([
    { status: 'done', output: null },
    { status: 'done', output: { id: 1 } },
    { status: 'not-done' },
    { status: 'unknown' },
  ])('%j is one', (answer) => {
    expect(validateAnswer(unknown, answer)).toEqual(answer)
  })

  test.each([{ status: 'done' }, { status: 'not-done', output: 1 }, { status: 'maybe' }, {}, 'done', null])(
    '%j is none',
    (answer) => {
      expect(() => validateAnswer(unknown, answer)).toThrow(refused)
    },
  )
})

describe('interrupts', () => {
  test('an answer that fits the schema', () => {
    expect(validateAnswer(interrupt, { seat: '4A' })).toEqual({ seat: '4A' })
  })

  test('one that does not says what is wrong', () => {
    expect(() => validateAnswer(interrupt, { seat: 4 })).toThrow(/interrupt 'seat'.*seat/)
    expect(() => validateAnswer(interrupt, {})).toThrow(refused)
  })

  test('without a schema any JSON; dates and bytes as the codec writes them', () => {
    const free: WaitInput = { type: 'interrupt', of: 'x', name: 'any' }
    expect(validateAnswer(free, 'go')).toBe('go')
    expect(validateAnswer(free, new Date(0))).toEqual({ $date: '1970-01-01T00:00:00.000Z' })
  })

  test('what is no JSON is refused with its path', () => {
    const free: WaitInput = { type: 'interrupt', of: 'x', name: 'any' }
    expect(() => validateAnswer(free, { a: [() => 1] })).toThrow(/\$\.a\[0\] is a function/)
    expect(() => validateAnswer(free, undefined)).toThrow(refused)
  })
})

test('a timer has no answer', () => {
  expect(() => validateAnswer({ type: 'timer', of: 'x', duration: 5 }, true)).toThrow(refused)
})
