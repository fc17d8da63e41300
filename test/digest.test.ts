import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chainDigest, digest } from '../src/digest.ts'
import type { Json } from '../src/json.ts'

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
    expect(digest(null)).toBe('58532d1d42ebfc8e19dbedee4ad0c0cd')
    expect(digest('')).toBe('c7bf00b48c50f69b625ce1fce6c02390')
    expect(digest({ b: [1, 2.5, -3e300], a: { nested: ['ä', '😀', null, true, false] } })).toBe(
      'b2fbd2c8dc372df678c0d8ba91beede2',
    )
    expect(chainDigest('start', { role: 'user' })).toBe('81137fb12bf006935d3656138a64d9ef')
  })
})

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return Object.is(value, -0) ? 0 : value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]))
}
