import type { StandardSchemaV1 } from '@standard-schema/spec'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { InputSchema } from '../src/schema.ts'
import { jsonSchemaOf, validateWith } from '../src/schema.ts'

const where = "tool 'search'"

/** What `toStandardJsonSchema` makes of a valibot schema, and what an arktype type is: a function. */
function standard(
  jsonSchema: StandardLike['jsonSchema'] | undefined,
  validate: StandardSchemaV1.Props['validate'] = (value) => ({ value }),
): InputSchema {
  return Object.assign(() => {}, {
    '~standard': { version: 1, vendor: 'other', validate, ...(jsonSchema && { jsonSchema }) },
  }) as never
}
interface StandardLike {
  readonly jsonSchema: { input(options: { target: string }): Record<string, unknown> }
}

describe('the JSON Schema', () => {
  test('of zod says what may go in, and that nothing else may', () => {
    const schema = z.object({
      q: z.string().describe('what'),
      max: z.number().default(10),
      at: z.object({ day: z.string() }).optional(),
      list: z.array(z.union([z.object({ a: z.literal(1) }), z.null()])),
      loose: z.looseObject({ a: z.string() }).optional(),
      record: z.record(z.string(), z.number()).optional(),
      type: z.object({ properties: z.string() }).optional(),
    })
    expect(jsonSchemaOf(schema, where)).toMatchObject({
      type: 'object',
      required: ['q', 'list'],
      additionalProperties: false,
      properties: {
        q: { type: 'string', description: 'what' },
        max: { type: 'number', default: 10 },
        at: { additionalProperties: false },
        list: { items: { anyOf: [{ additionalProperties: false }, { type: 'null' }] } },
        loose: { additionalProperties: {} },
        record: { additionalProperties: { type: 'number' } },
        type: { type: 'object', properties: { properties: { type: 'string' } }, additionalProperties: false },
      },
    })
  })

  test('of a zod intersection closes nothing, since each half would refuse the other', async () => {
    const named = z.object({ b: z.string() }).meta({ id: 'Named' })
    const schema = z.intersection(z.object({ a: z.string() }), named)
    const json = jsonSchemaOf(schema, where)
    expect(JSON.stringify(json)).not.toContain('additionalProperties')
    expect(await validateWith(json, { a: '', b: '' })).toMatchObject({ ok: true })
  })

  test('of zod leaves values as they are, even if they look like schemas', () => {
    const value = { type: 'object', properties: { a: {} } }
    const schema = z.object({ schema: z.any().default(value), never: z.any().meta({ examples: [value] }) })
    expect(jsonSchemaOf(schema, where)).toMatchObject({
      properties: { schema: { default: value }, never: { examples: [value] } },
    })
    expect(JSON.stringify(jsonSchemaOf(schema, where)).match(/additionalProperties/g)).toHaveLength(1)
  })

  test('of a named zod schema is closed as well', () => {
    const named = z.object({ b: z.string() }).meta({ id: 'Named' })
    expect(jsonSchemaOf(z.object({ a: named.describe('first'), c: named }), where)).toMatchObject({
      additionalProperties: false,
      definitions: { Named: { additionalProperties: false } },
    })
  })

  test('of a recursive zod schema can be checked', async () => {
    interface Tree {
      readonly children: readonly Tree[]
    }
    const tree: z.ZodType<Tree> = z.lazy(() => z.object({ children: z.array(tree) }))
    const json = jsonSchemaOf(tree as never, where)
    expect(await validateWith(json, { children: [{ children: [] }] })).toMatchObject({ ok: true })
    expect(await validateWith(json, { children: [{ children: [{}] }] })).toMatchObject({ ok: false })
  })

  test('is JSON, and one of its own', () => {
    const schema = z.object({ a: z.string() })
    const json = jsonSchemaOf(schema, where)
    expect(JSON.parse(JSON.stringify(json))).toEqual(json)
    const plain = { type: 'object', properties: { $date: { type: 'string' } } } as const
    expect(jsonSchemaOf(plain, where)).toEqual(plain)
    expect(jsonSchemaOf(plain, where)).not.toBe(plain)
  })

  test('of any library that follows the standard, functions as well', () => {
    const asked: unknown[] = []
    const input = (options: unknown) => {
      asked.push(options)
      return { type: 'object' }
    }
    expect(jsonSchemaOf(standard({ input }), where)).toEqual({ type: 'object' })
    expect(asked).toEqual([{ target: 'draft-07' }])
  })

  test.each([
    ['a valibot schema as it is', v.object({ a: v.string() }), /toStandardJsonSchema of @valibot\/to-json-schema/],
    ['a library without JSON Schema', standard(undefined), /Take a version of other/],
    ['an old zod', Object.assign(standard(undefined), { '~standard': { vendor: 'zod' } }), /Take zod 4\.2/],
    ['a type that JSON has not', z.object({ at: z.date() }), /the zod schema can't be put as JSON Schema: .*Date/],
    ['a keyword that can not be checked', { unevaluatedProperties: false }, /has #\/unevaluatedProperties/],
    [
      'an object that is no JSON',
      { type: 'object', check: () => true },
      /neither a Standard Schema nor plain JSON Schema/,
    ],
    ['no object', 'string', /no object/],
    ['nothing', undefined, /neither/],
  ])('%s is refused, and it is said what to do', (_, schema, message) => {
    expect(() => jsonSchemaOf(schema as never, where)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
    )
    expect(() => jsonSchemaOf(schema as never, where)).toThrow(/^tool 'search': /)
  })
})

describe('validation', () => {
  test('gives what the schema makes of the value', async () => {
    const schema = z.object({ max: z.number().default(10), at: z.string().transform((text) => text.length) })
    expect(await validateWith(schema, { at: 'abc', other: 1 })).toEqual({ ok: true, value: { max: 10, at: 3 } })
  })

  test('gives the value of a plain schema as it is', async () => {
    const value = { a: 1, b: 2 }
    const result = await validateWith({ type: 'object', properties: { a: { type: 'number' } } }, value)
    expect(result.ok && result.value).toBe(value)
  })

  test('lists the problems with their paths', async () => {
    const schema = z.object({ passengers: z.array(z.object({ 'full name': z.string() })), n: z.number() })
    const result = await validateWith(schema, { passengers: [{ 'full name': 1 }] })
    expect(result).toEqual({
      ok: false,
      message: expect.stringMatching(/^\$\.passengers\[0\]\["full name"\]: .*string.*; \$\.n: .*number/),
    })
    expect(await validateWith({ type: 'object', required: ['a', 'b'] }, {})).toEqual({
      ok: false,
      message: '$.a: is required; $.b: is required',
    })
  })

  test('lists ten problems at most', async () => {
    const result = await validateWith(z.array(z.string()), Array(12).fill(1))
    expect(result.ok || result.message.split('; ').slice(9)).toEqual([
      expect.stringMatching(/^\$\[9\]: /),
      'and 2 more',
    ])
  })

  test('waits for what is checked elsewhere; paths may be objects', async () => {
    const schema = z.string().refine(async (text) => text === 'yes', 'not yes')
    expect(await validateWith(schema, 'no')).toEqual({ ok: false, message: '$: not yes' })
    const other = standard(undefined, () => ({
      issues: [{ message: 'bad', path: [{ key: 'a' }, { key: 0 }, Symbol('s')] }],
    }))
    expect(await validateWith(other, 1)).toEqual({ ok: false, message: '$.a[0]["Symbol(s)"]: bad' })
  })

  test('valibot', async () => {
    const schema = v.object({ a: v.string() }) as never
    expect(await validateWith(schema, { a: 1 })).toEqual({ ok: false, message: expect.stringMatching(/^\$\.a: /) })
  })
})
