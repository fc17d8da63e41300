import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json } from '../src/json.ts'
import { checkJsonSchema, unsupportedKeyword } from '../src/json-schema.ts'

const fits = (schema: Json, value: unknown): boolean => checkJsonSchema(schema, value).length === 0

describe('keywords', () => {
  // Schema, what fits, what does not.
  const table: [Json, unknown[], unknown[]][] = [
    [true, [1, null], []],
    [{}, [1, null, {}], []],
    [false, [], [1, null]],
    [{ type: 'string' }, ['', 'a'], [1, null, [], {}, true]],
    [{ type: 'number' }, [0, 1.5, -1e300], ['1', null]],
    [{ type: 'integer' }, [0, 1, -3, 1e300], [1.5, '1']],
    [{ type: 'boolean' }, [true, false], [0, 'true']],
    [{ type: 'null' }, [null], [0, false, {}, '']],
    [{ type: 'object' }, [{}], [[], null]],
    [{ type: 'array' }, [[]], [{}, 'a']],
    [{ type: ['string', 'null'] }, ['a', null], [1]],
    [{ enum: ['a', 1, null, { x: [1] }] }, ['a', 1, null, { x: [1] }], ['b', '1', { x: [2] }, { x: [1], y: 1 }]],
    [{ const: { a: 1, b: [2] } }, [{ b: [2], a: 1 }], [{ a: 1 }, { a: 1, b: [2, 3] }, null]],
    [{ const: null }, [null], [0, undefined]],
    [{ minLength: 2, maxLength: 3 }, ['ab', 'abc', '💜💜', 5], ['a', 'abcd', '💜']],
    [{ pattern: '^a.c$' }, ['abc', 'a💜c', 1], ['ab', 'xabc']],
    [{ pattern: '^[\\w\\-\\:]+$' }, ['a-b:c'], ['a b']],
    [{ minimum: 1, maximum: 2 }, [1, 2, 1.5, '0'], [0.9, 2.1]],
    [{ exclusiveMinimum: 1, exclusiveMaximum: 2 }, [1.1], [1, 2]],
    [{ multipleOf: 0.1 }, [0.3, 0, -0.7, 1e10, 'x'], [0.35]],
    [{ multipleOf: 3 }, [9, -3], [10, 1.5]],
    [{ minItems: 1, maxItems: 2 }, [[1], [1, 2], 'abc'], [[], [1, 2, 3]]],
    [
      { uniqueItems: true },
      [[], [1, '1', { a: 1 }, { a: 2 }]],
      [
        [1, 1],
        [
          { a: 1, b: 2 },
          { b: 2, a: 1 },
        ],
      ],
    ],
    [{ items: { type: 'number' } }, [[], [1]], [['a'], [1, 'a']]],
    [
      { prefixItems: [{ type: 'string' }, { type: 'number' }], items: false },
      [[], ['a'], ['a', 1]],
      [[1], ['a', 1, 1]],
    ],
    [{ items: [{ type: 'string' }], additionalItems: { type: 'number' } }, [['a'], ['a', 1]], [[1], ['a', 'b']]],
    [{ contains: { type: 'number' } }, [['a', 1]], [[], ['a']]],
    [
      { contains: { type: 'number' }, minContains: 2, maxContains: 3 },
      [
        [1, 2],
        [1, 2, 3],
      ],
      [[1], [1, 2, 3, 4]],
    ],
    [{ contains: { type: 'number' }, minContains: 0 }, [[]], []],
    [{ required: ['a'] }, [{ a: undefined }, { a: 1, b: 2 }, 'x'], [{}, { b: 1 }]],
    [{ required: ['toString'] }, [{ toString: 1 }], [{}]],
    [{ properties: { a: { type: 'string' } } }, [{}, { a: 'x', b: 1 }], [{ a: 1 }]],
    [{ properties: { toString: false } }, [{}], [{ toString: 1 }]],
    [{ properties: { a: true }, additionalProperties: false }, [{}, { a: 1 }], [{ b: 1 }, { a: 1, constructor: 1 }]],
    [{ properties: { a: true }, additionalProperties: { type: 'number' } }, [{ a: 'x', b: 1 }], [{ b: 'x' }]],
    [
      { patternProperties: { '^n_': { type: 'number' } }, additionalProperties: false },
      [{ n_a: 1 }],
      [{ n_a: 'x' }, { x: 1 }],
    ],
    [{ propertyNames: { pattern: '^a' } }, [{ a: 1, ab: 2 }], [{ b: 1 }]],
    [{ minProperties: 1, maxProperties: 2 }, [{ a: 1 }], [{}, { a: 1, b: 2, c: 3 }]],
    [{ dependentRequired: { a: ['b'] } }, [{}, { b: 1 }, { a: 1, b: 1 }], [{ a: 1 }]],
    [{ dependentSchemas: { a: { required: ['b'] } } }, [{}, { a: 1, b: 1 }], [{ a: 1 }]],
    [{ dependencies: { a: ['b'], c: { required: ['d'] } } }, [{}, { a: 1, b: 1 }], [{ a: 1 }, { c: 1 }]],
    [{ allOf: [{ type: 'string' }, { minLength: 2 }] }, ['ab'], ['a', 1]],
    [{ anyOf: [{ type: 'string' }, { type: 'number' }] }, ['a', 1], [null]],
    [{ oneOf: [{ type: 'number' }, { minimum: 2 }] }, [1, 'a'], [3]],
    [{ not: { type: 'string' } }, [1], ['a']],
    // biome-ignore lint/suspicious/noThenProperty: it is a keyword
    [{ if: { type: 'string' }, then: { minLength: 2 }, else: { type: 'number' } }, ['ab', 1], ['a', null]],
    [{ if: { type: 'string' } }, ['a', 1], []],
    [{ $defs: { s: { type: 'string' } }, $ref: '#/$defs/s' }, ['a'], [1]],
    [{ definitions: { 'a/b~c d': { type: 'string' } }, $ref: '#/definitions/a~1b~0c%20d' }, ['a'], [1]],
    [{ $ref: '#/$defs/s', minLength: 2, $defs: { s: { type: 'string' } } }, ['ab'], ['a', 1]],
    [{ properties: { next: { $ref: '#' } }, required: ['n'] }, [{ n: 1, next: { n: 2 } }], [{ n: 1, next: {} }]],
    [{ type: 'string', format: 'email', title: 'T', 'x-own': { deep: 1 } }, ['no mail'], [1]],
  ]
  test.each(table)('%j', (schema, good, bad) => {
    expect(unsupportedKeyword(schema)).toBeUndefined()
    expect(good.filter((value) => !fits(schema, value))).toEqual([])
    expect(bad.filter((value) => fits(schema, value))).toEqual([])
  })

  test('a reference to what is not there fits nothing', () => {
    expect(fits({ $ref: '#/$defs/none' }, 1)).toBe(false)
    expect(fits({ $ref: 'https://a.example/' }, 1)).toBe(false)
  })

  test('a schema that refers to itself without end fails, and ends', () => {
    expect(checkJsonSchema({ $ref: '#' }, 1)).toEqual(['$: the schema refers to itself without end'])
    const twins = {
      $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }] }, b: { allOf: [{ $ref: '#/$defs/a' }] } },
      $ref: '#/$defs/a',
    }
    expect(fits(twins, 1)).toBe(false)
  })

  test('a deep value is no such thing; one without end is a problem and no crash', () => {
    const nested = (depth: number): Json => (depth === 0 ? [] : [nested(depth - 1)])
    const schema = { type: 'array', items: { $ref: '#' } }
    expect(checkJsonSchema(schema, nested(200))).toEqual([])
    expect(fits({ type: 'array', contains: { $ref: '#' } }, nested(3000))).toBe(false)
    expect(checkJsonSchema(schema, nested(3000))).toEqual([expect.stringContaining(': is nested too deeply')])
  })
})

describe('problems', () => {
  const schema = {
    type: 'object',
    properties: {
      passengers: {
        type: 'array',
        items: { type: 'object', properties: { age: { type: 'integer', minimum: 0 } }, required: ['name'] },
      },
      unit: { enum: ['c', 'f'] },
      at: {
        anyOf: [
          { type: 'null' },
          { type: 'object', properties: { day: { type: 'string' } }, required: ['day', 'hour'] },
        ],
      },
      'odd name': { const: 1 },
    },
    additionalProperties: false,
  }
  test('have paths, and say what to mend', () => {
    const value = {
      passengers: [{ name: 'a', age: 'x' }, { age: -1 }],
      unit: 'k',
      at: { day: '1' },
      'odd name': 2,
      colour: 1,
    }
    expect(checkJsonSchema(schema, value)).toEqual([
      '$.passengers[0].age: must be integer, is string',
      '$.passengers[1].name: is required',
      '$.passengers[1].age: must be at least 0',
      '$.unit: must be one of "c", "f"',
      '$.at: fits none of 2 alternatives, the closest because of ($.at: must be null, is object)',
      '$["odd name"]: must be 1',
      '$.colour: is not known here; known are passengers, unit, at, odd name',
    ])
  })
  test('of nothing are none', () => {
    expect(checkJsonSchema(schema, {})).toEqual([])
  })
})

describe('what could not be checked is named', () => {
  test.each([
    [{ unevaluatedProperties: false }, '#/unevaluatedProperties'],
    [{ properties: { a: { items: { unevaluatedItems: false } } } }, '#/properties/a/items/unevaluatedItems'],
    [{ anyOf: [true, { $dynamicRef: '#x' }] }, '#/anyOf/1/$dynamicRef'],
    [{ $ref: 'https://a.example/schema' }, '#/$ref'],
    [{ $ref: '#/$defs/none' }, '#/$ref'],
    [{ $ref: '#anchor' }, '#/$ref'],
    [{ $defs: { a: { nullable: true } } }, '#/$defs/a/nullable'],
    [{ type: 'any' }, '#/type'],
    [{ type: ['string', 'date'] }, '#/type'],
    [{ required: true }, '#/required'],
    [{ minimum: '1' }, '#/minimum'],
    [{ minimum: 1, exclusiveMinimum: true }, '#/exclusiveMinimum'],
    [{ pattern: '(' }, '#/pattern'],
    [{ patternProperties: { '(': {} } }, '#/patternProperties'],
    [{ properties: [] }, '#/properties'],
    [{ anyOf: {} }, '#/anyOf'],
    [{ not: 'x' }, '#/not'],
    [{ items: [{ type: 'x' }] }, '#/items/0/type'],
    [{ dependencies: { a: { type: 'x' } } }, '#/dependencies/a/type'],
    [{ dependentRequired: [] }, '#/dependentRequired'],
    [{ prefixItems: ['x'] }, '#/prefixItems/0'],
    [{ properties: { a: 'string' } }, '#/properties/a'],
  ])('%j', (schema, expected) => {
    expect(unsupportedKeyword(schema)).toBe(expected)
  })

  test('but not what only looks like it', () => {
    expect(
      unsupportedKeyword({
        properties: { nullable: { type: 'string' }, $ref: {} },
        default: { type: 'x' },
        enum: [{ nullable: 1 }],
      }),
    ).toBeUndefined()
  })
})

/** A schema, the truth about it in plain code, and values that are often close to it. */
interface Case {
  readonly schema: Json
  readonly holds: (value: unknown) => boolean
  readonly values: fc.Arbitrary<unknown>
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const key = fc.constantFrom('a', 'b', 'c', '__proto__', 'toString')

const leaf: fc.Arbitrary<Case> = fc.oneof(
  fc.tuple(fc.nat(4), fc.nat(4)).map(([minLength, maxLength]) => ({
    schema: { type: 'string', minLength, maxLength },
    holds: (value: unknown) =>
      typeof value === 'string' && Array.from(value).length >= minLength && Array.from(value).length <= maxLength,
    values: fc.string({ unit: 'grapheme', maxLength: 6 }),
  })),
  fc.tuple(fc.integer({ min: -9, max: 9 }), fc.boolean()).map(([minimum, whole]) => ({
    schema: { type: whole ? 'integer' : 'number', minimum },
    holds: (value: unknown) => typeof value === 'number' && value >= minimum && (!whole || value % 1 === 0),
    values: fc.oneof(fc.integer({ min: -10, max: 10 }), fc.double({ min: -10, max: 10, noNaN: true })),
  })),
  fc.array(fc.jsonValue({ maxDepth: 1 }), { minLength: 1, maxLength: 3 }).map((allowed) => ({
    schema: { enum: allowed as Json[] },
    holds: (value: unknown) => allowed.some((one) => canonical(one) === canonical(value)),
    values: fc.constantFrom(...allowed),
  })),
  fc.constant({
    schema: { type: ['boolean', 'null'] },
    holds: (value: unknown) => value === null || typeof value === 'boolean',
    values: fc.constantFrom(true, null),
  }),
)

const { tree } = fc.letrec<{ tree: Case }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    fc.tuple(tie('tree'), fc.nat(3)).map(([item, maxItems]) => ({
      schema: { type: 'array', items: item.schema, maxItems },
      holds: (value: unknown) => Array.isArray(value) && value.length <= maxItems && value.every(item.holds),
      values: fc.array(item.values, { maxLength: 4 }),
    })),
    fc
      .tuple(
        fc.uniqueArray(fc.tuple(key, tie('tree'), fc.boolean()), { selector: ([name]) => name, maxLength: 3 }),
        fc.boolean(),
      )
      .map(([members, open]) => ({
        schema: {
          type: 'object',
          properties: Object.fromEntries(members.map(([name, { schema }]) => [name, schema])),
          required: members.filter(([, , required]) => required).map(([name]) => name),
          ...(!open && { additionalProperties: false }),
        },
        holds: (value: unknown) =>
          isObject(value) &&
          members.every(([name, { holds }, required]) =>
            Object.hasOwn(value, name) ? holds(value[name]) : !required,
          ) &&
          (open || Object.keys(value).every((name) => members.some(([known]) => known === name))),
        values: fc
          .tuple(
            fc.tuple(...members.map(([name, { values }]) => fc.tuple(fc.constant(name), values, fc.nat(4)))),
            fc.dictionary(key, fc.boolean(), { maxKeys: 1, depthIdentifier: 'x' }),
            fc.nat(4),
          )
          .map(([own, extra, more]) => ({
            ...(more === 0 && extra),
            ...Object.fromEntries(own.filter(([, , keep]) => keep > 0)),
          })),
      })),
    fc
      .tuple(fc.constantFrom('anyOf', 'allOf', 'oneOf'), fc.array(tie('tree'), { minLength: 1, maxLength: 3 }))
      .map(([keyword, parts]) => ({
        schema: { [keyword as string]: parts.map(({ schema }) => schema) },
        holds: (value: unknown) => {
          const count = parts.filter(({ holds }) => holds(value)).length
          return keyword === 'anyOf' ? count > 0 : keyword === 'allOf' ? count === parts.length : count === 1
        },
        values: fc.oneof(...parts.map(({ values }) => values)),
      })),
    tie('tree').map((part) => ({
      schema: { not: part.schema },
      holds: (value: unknown) => !part.holds(value),
      values: part.values,
    })),
  ),
}))

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (!isObject(value)) return Object.is(value, -0) ? '0' : JSON.stringify(value)
  return `{${Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`)
    .join()}}`
}

describe('any schema', () => {
  const cases = tree.chain((one) =>
    fc.tuple(fc.constant(one), fc.oneof({ weight: 5, arbitrary: one.values }, fc.jsonValue({ maxDepth: 2 }))),
  )
  test('agrees with the truth', () => {
    let good = 0
    let bad = 0
    fc.assert(
      fc.property(cases, ([{ schema, holds }, value]) => {
        const expected = holds(value)
        if (expected) good++
        else bad++
        expect(fits(schema, value), JSON.stringify(schema)).toBe(expected)
        expect(unsupportedKeyword(schema)).toBeUndefined()
      }),
      { numRuns: 1500 },
    )
    // Values that are always right, or always wrong, would show nothing.
    expect(Math.min(good, bad)).toBeGreaterThan(200)
  })

  test('behind a $ref is the same', () => {
    fc.assert(
      fc.property(cases, ([{ schema, holds }, value]) => {
        expect(fits({ $defs: { it: schema }, $ref: '#/$defs/it' }, value)).toBe(holds(value))
      }),
      { numRuns: 300 },
    )
  })

  test('any JSON at all as a schema never throws once it is not refused', () => {
    const keyword = fc.constantFrom(
      'type',
      'items',
      'properties',
      'required',
      'anyOf',
      'pattern',
      'enum',
      '$ref',
      'contains',
      'dependencies',
      'if',
      'minimum',
    )
    const schema = fc.dictionary(
      keyword,
      fc.oneof(fc.jsonValue(), fc.constantFrom<Json>('#', 'string', ['a'], {}, [{}])),
    )
    fc.assert(
      fc.property(schema, fc.jsonValue(), (given, value) => {
        if (unsupportedKeyword(given as Json) === undefined) checkJsonSchema(given as Json, value)
      }),
      { numRuns: 1000 },
    )
  })
})
