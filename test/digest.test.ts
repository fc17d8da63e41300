import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chainDigest, digest } from '../src/digest.ts'
import type { Json } from '../src/json.ts'
import { deepFreeze } from '../src/json.ts'

const json = fc.jsonValue() as fc.Arbitrary<Json>

function reversed(value: Json): Json {
  if (Array.isArray(value)) return value.map(reversed)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  )
}

describe('digest', () => {
  it('is the same whatever the order of members', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(digest(reversed(value))).toBe(digest(value))
      }),
    )
  })

  it('is the same whatever the order of many members', () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${(i * 7) % 40}`, i]))
    expect(digest(reversed(many))).toBe(digest(many))
  })

  it('is the same after a way over the wire', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(digest(JSON.parse(JSON.stringify(value)) as Json)).toBe(digest(value))
      }),
    )
  })

  it('differs for values that differ', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
        expect(digest(a) === digest(b)).toBe(same)
      }),
    )
  })

  it('tells apart what is easily mixed up', () => {
    const values: Json[] = [
      null,
      false,
      true,
      0,
      1,
      '',
      '0',
      '1',
      'null',
      [],
      {},
      [[]],
      [{}],
      [null],
      { a: null },
      { a: '' },
      ['a'],
      ['a', ''],
      ['', 'a'],
      'a',
      'aa',
      'a\0',
      'ab',
      'ba',
      [1, 2],
      [12],
      ['1', '2'],
      { a: { b: 1 } },
      { a: {}, b: 1 },
      { ab: 1 },
      { a: 'b' },
    ]
    expect(new Set(values.map((value) => digest(value))).size).toBe(values.length)
  })

  it('takes members that are undefined as not there', () => {
    expect(digest({ a: 1, b: undefined } as never)).toBe(digest({ a: 1 }))
  })

  it('depends on the order of a chain and on all that is in it', () => {
    const chain = (...messages: Json[]): string =>
      messages.reduce<string>((before, message) => chainDigest(before, message), 'start')
    expect(chain('a', 'b')).toBe(chainDigest(chainDigest('start', 'a'), 'b'))
    expect(new Set([chain('a', 'b'), chain('b', 'a'), chain('a'), chain('ab'), chain('a', 'b', 'c')]).size).toBe(5)
  })

  it('is a wire format: these values never change', () => {
    expect(digest(null)).toBe('5bd58be35765bea6c8d9e2b2de391519')
    expect(digest('')).toBe('1f011cb9efd3f793c5b2996b1d9f46c1')
    expect(digest({ b: [1, 2.5, -3e300], a: { nested: ['ä', '😀', null, true, false] } })).toBe(
      '90e152e798abdbdf8d2bed35413f66af',
    )
    expect(chainDigest('start', { role: 'user' })).toBe('f2a5242a09a441114808cb49213ae23c')
  })
})

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return Object.is(value, -0) ? 0 : value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]))
}

describe('the digest of a conversation, remembered for a while', () => {
  it('is of the message and of what was before it', () => {
    const message = deepFreeze({ a: 1 }) as Json
    expect([chainDigest('a', message), chainDigest('b', message)]).toEqual([digest(message, 'a'), digest(message, 'b')])
  })

  it('of a message that can change is made anew', () => {
    const message = { a: 1 }
    chainDigest('a', message)
    message.a = 2
    expect(chainDigest('a', message)).toBe(digest({ a: 2 }, 'a'))
  })
})
