import assert from 'node:assert/strict'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { base64FromBytes, bytesFromBase64, fromJson, type Json, requireJson, toJson } from '../src/json.ts'

const wire = (value: unknown): unknown => fromJson(JSON.parse(JSON.stringify(toJson(value, 'test'))) as Json)

/** JSON, bytes, dates and URLs, nested, with keys that look like tags or like trouble. */
const recordable = fc.letrec((tie) => ({
  key: fc.oneof(
    fc.string(),
    fc.constantFrom('$bytes', '$date', '$url', '$escaped', '__proto__', 'constructor', 'toString', ''),
  ),
  leaf: fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => (Object.is(n, -0) ? 0 : n)),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.date({ noInvalidDate: true }),
    fc.webUrl().map((url) => new URL(url)),
  ),
  array: fc.array(tie('any'), { maxLength: 4 }),
  object: fc.array(fc.tuple(tie('key'), tie('any')), { maxLength: 4 }).map((entries) => {
    const object: Record<string, unknown> = {}
    for (const [key, value] of entries) {
      Object.defineProperty(object, key as string, { value, enumerable: true, configurable: true, writable: true })
    }
    return object
  }),
  any: fc.oneof({ depthSize: 'small', withCrossShrink: true }, tie('leaf'), tie('array'), tie('object')),
})).any

function refusal(value: unknown): { code: string; path: string; message: string } {
  try {
    toJson(value, 'step 1/tool/0/x: output')
  } catch (error) {
    const { code, details, message } = error as { code: string; details: { path: string }; message: string }
    return { code, path: details.path, message }
  }
  throw new Error('was not refused')
}

describe('toJson and fromJson', () => {
  it('give back what JSON, bytes, dates and URLs were, however nested', () => {
    fc.assert(
      fc.property(recordable, (value) => {
        assert.deepEqual(wire(value), value)
      }),
      { numRuns: 500 },
    )
  })

  it('give JSON that JSON.stringify changes nothing of', () => {
    fc.assert(
      fc.property(recordable, (value) => {
        const json = toJson(value, 'test')
        assert.deepEqual(JSON.parse(JSON.stringify(json)), json)
      }),
    )
  })

  it('have a wire format that stays', () => {
    expect(
      toJson(
        { bytes: new Uint8Array([0, 127, 255]), date: new Date(0), url: new URL('https://a.example/x?y#z') },
        'test',
      ),
    ).toEqual({
      bytes: { $bytes: 'AH//' },
      date: { $date: '1970-01-01T00:00:00.000Z' },
      url: { $url: 'https://a.example/x?y#z' },
    })
    expect(toJson({ $date: 'mine' }, 'test')).toEqual({ $escaped: { $date: 'mine' } })
    expect(toJson(-0, 'test')).toBe(0)
  })

  it('leave an object alone that has a tag among other members', () => {
    expect(toJson({ $date: 'x', other: 1 }, 'test')).toEqual({ $date: 'x', other: 1 })
    expect(wire({ $date: 'x', other: 1 })).toEqual({ $date: 'x', other: 1 })
  })

  it('escape what looks like a tag, also where dropped members leave it alone', () => {
    expect(wire({ $bytes: 'AAAA', gone: undefined })).toEqual({ $bytes: 'AAAA' })
    expect(wire({ $escaped: { $escaped: { $date: 5 } } })).toEqual({ $escaped: { $escaped: { $date: 5 } } })
  })

  it('leave untagged JSON with an odd tag as it is', () => {
    expect(fromJson({ $date: 5 })).toEqual({ $date: 5 })
    expect(fromJson({ $bytes: null })).toEqual({ $bytes: null })
  })

  it('drop members that are undefined', () => {
    expect(toJson({ a: undefined, b: 1 }, 'test')).toEqual({ b: 1 })
  })

  it('keep a member named __proto__ without touching the prototype', () => {
    const value = JSON.parse('{"__proto__":{"admin":true}}') as Record<string, unknown>
    const back = wire(value) as Record<string, unknown>
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(Object.keys(back)).toEqual(['__proto__'])
    expect((back as { admin?: unknown }).admin).toBeUndefined()
  })

  it('take an ArrayBuffer and a Buffer as bytes', () => {
    expect(wire(new Uint8Array([1, 2]).buffer)).toEqual(new Uint8Array([1, 2]))
    expect(wire(Buffer.from([1, 2]))).toEqual(new Uint8Array([1, 2]))
  })

  it('take objects, arrays, bytes, dates and URLs of another realm', () => {
    const foreign = runInNewContext(
      '({ list: [{}], date: new Date(0), bytes: new Uint8Array([7]), bare: Object.create(null) })',
    )
    expect(wire(foreign)).toEqual({ list: [{}], date: new Date(0), bytes: new Uint8Array([7]), bare: {} })
    expect(refusal({ map: runInNewContext('new Map()') })).toMatchObject({ path: '$.map' })
  })

  it('take one object in two places, which is no cycle', () => {
    const shared = { a: 1 }
    expect(toJson([shared, shared], 'test')).toEqual([{ a: 1 }, { a: 1 }])
  })
})

describe('a value that is no JSON', () => {
  class Client {}
  const cycle: Record<string, unknown> = {}
  cycle['self'] = { list: [cycle] }

  it.each([
    ['a function', { run: () => {} }, '$.run', 'a function'],
    ['a symbol', [Symbol('x')], '$[0]', 'a symbol'],
    ['a bigint', { n: 1n }, '$.n', 'a bigint'],
    ['NaN', { a: [1, Number.NaN] }, '$.a[1]', 'NaN'],
    ['Infinity', { 'a b': Number.POSITIVE_INFINITY }, '$["a b"]', 'Infinity'],
    ['undefined in an array', { a: [undefined] }, '$.a[0]', 'undefined'],
    // biome-ignore lint/suspicious/noSparseArray: the hole is the point
    ['a hole in an array', [1, , 2], '$[1]', 'undefined'],
    ['undefined itself', undefined, '$', 'undefined'],
    ['a class instance', { client: new Client() }, '$.client', 'an instance of Client'],
    ['an instance of a class without a name', [new (class {})()], '$[0]', 'an instance of a class'],
    ['a Map', { map: new Map() }, '$.map', 'an instance of Map'],
    ['an Error', { error: new TypeError('x') }, '$.error', 'an instance of TypeError'],
    ['a cycle', cycle, '$.self.list[0]', 'a cycle'],
    ['an invalid date', { at: new Date(Number.NaN) }, '$.at', 'an invalid date'],
    ['an array of other numbers', { f: new Float64Array(1) }, '$.f', 'an instance of Float64Array'],
  ])('is refused with its path: %s', (_, value, path, what) => {
    const { code, message, ...refused } = refusal(value)
    expect({ code, path: refused.path }).toEqual({ code: 'NOT_JSON', path })
    expect(message).toBe(
      `step 1/tool/0/x: output: ${path} is ${what}, which can't be recorded. Give JSON, bytes, a Date or a URL.`,
    )
  })
})

describe('requireJson', () => {
  it('takes JSON as it is, tags included', () => {
    fc.assert(
      fc.property(recordable, (value) => {
        const json = toJson(value, 'test')
        assert.deepEqual(requireJson(json, 'test'), json)
      }),
    )
  })

  it('gives a copy without members that are undefined', () => {
    expect(requireJson({ $date: 'x', a: undefined }, 'test')).toEqual({ $date: 'x' })
  })

  it.each([new Date(0), new Uint8Array(1), new URL('https://a.example'), undefined, () => {}])(
    'refuses %s',
    (value) => {
      expect(() => requireJson({ list: [value] }, 'step x: output')).toThrow(
        expect.objectContaining({ code: 'NOT_JSON', details: { path: '$.list[0]', where: 'step x: output' } }),
      )
    },
  )
})

describe('base64', () => {
  it('is what Node makes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
        const text = base64FromBytes(bytes)
        expect(text).toBe(Buffer.from(bytes).toString('base64'))
        expect(bytesFromBase64(text)).toEqual(bytes)
        expect(bytesFromBase64(Buffer.from(bytes).toString('base64url'))).toEqual(bytes)
      }),
    )
  })

  it('refuses what is none', () => {
    expect(() => bytesFromBase64('a*b=')).toThrow(expect.objectContaining({ code: 'NOT_JSON' }))
  })
})
