import * as v from 'valibot'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import type { InputSchema } from '../src/schema.ts'
import type { InferInput } from '../src/tool.ts'

test('what is a schema', () => {
  expectTypeOf(z.object({ a: z.string().transform(Number) })).toExtend<InputSchema>()
  expectTypeOf({ type: 'object', properties: { a: { type: 'string' } } } as const).toExtend<InputSchema>()
  // A valibot schema gives no JSON Schema by itself.
  expectTypeOf(v.object({ a: v.string() })).not.toExtend<InputSchema>()
})

test('what an input becomes', () => {
  const schema = z.object({ a: z.string().transform(Number), b: z.number().default(1) })
  expectTypeOf<InferInput<typeof schema>>().toEqualTypeOf<{ a: number; b: number }>()
})
