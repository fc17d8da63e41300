/** Schemas of tools' inputs and of structured output: a Standard Schema that gives JSON Schema, or a plain JSON Schema. */
import type { StandardJSONSchemaV1, StandardSchemaV1 } from '@standard-schema/spec'
import { HoldfastError, wrapError } from './errors.ts'
import type { Json } from './json.ts'
import { at, isPlainObject, toJson } from './json.ts'
import { checkJsonSchema, unsupportedKeyword } from './json-schema.ts'
import type { JsonSchema } from './spec.ts'

/** zod from 4.2 on, arktype 2.2, valibot through `toStandardJsonSchema` of `@valibot/to-json-schema`. */
export interface StandardInputSchema<Input = unknown, Output = Input> {
  readonly '~standard': StandardSchemaV1.Props<Input, Output> & StandardJSONSchemaV1.Props<Input, Output>
}

export type InputSchema = StandardInputSchema | JsonSchema

export type Validation =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly message: string }

/**
 * What a model is told of a schema: what may go in, as draft 7, which is what the AI SDK's models take.
 *
 * @param where opens the error's message, e.g. `tool 'search'`
 * @throws `CONFIG_INVALID` for a schema that has no JSON Schema, and for a plain one that could not be checked in full
 */
export function jsonSchemaOf(schema: InputSchema, where: string): JsonSchema {
  const standard = standardOf(schema)
  if (standard) return convert(standard, where)
  try {
    toJson(schema, where)
  } catch (cause) {
    throw invalid(
      `${where}: the schema is neither a Standard Schema nor plain JSON Schema. ${(cause as Error).message}`,
      cause,
    )
  }
  if (!isPlainObject(schema)) throw invalid(`${where}: the schema is no object. Give a zod schema or a JSON Schema.`)
  const unsupported = unsupportedKeyword(schema as JsonSchema)
  if (unsupported !== undefined) {
    throw invalid(
      `${where}: the JSON Schema has ${unsupported}, which can't be checked here. Say it in other keywords, or give a zod schema.`,
    )
  }
  return copy(schema)
}

/** The value as the schema makes it, or what is wrong with it, as `path: problem; path: problem`, for a model to mend. */
export function validateWith(schema: InputSchema, value: unknown): Validation | Promise<Validation> {
  const standard = standardOf(schema)
  if (!standard) {
    const problems = checkJsonSchema(schema as JsonSchema, value)
    return problems.length === 0 ? { ok: true, value } : { ok: false, message: listed(problems) }
  }
  const result = standard.validate(value)
  return 'then' in result ? result.then(toValidation) : toValidation(result)
}

function toValidation(result: StandardSchemaV1.Result<unknown>): Validation {
  if (!result.issues) return { ok: true, value: result.value }
  return { ok: false, message: listed(result.issues.map(({ path, message }) => `${pathText(path)}: ${message}`)) }
}

type Standard = StandardSchemaV1.Props & Partial<StandardJSONSchemaV1.Props>

function standardOf(schema: unknown): Standard | undefined {
  // Schemas of arktype are functions.
  if ((typeof schema !== 'object' && typeof schema !== 'function') || schema === null) return undefined
  const standard = (schema as { '~standard'?: unknown })['~standard']
  return typeof standard === 'object' && standard !== null ? (standard as Standard) : undefined
}

function convert(standard: Standard, where: string): JsonSchema {
  const { vendor, jsonSchema } = standard
  if (typeof jsonSchema?.input !== 'function') {
    throw invalid(
      `${where}: the ${vendor} schema gives no JSON Schema, which a model needs. ${wayOut(vendor)}, or give a plain JSON Schema.`,
    )
  }
  try {
    const given = copy(jsonSchema.input({ target: 'draft-07' }))
    return vendor === 'zod' && !isIntersection(given) ? (closed(given) as JsonSchema) : given
  } catch (cause) {
    throw invalid(
      `${where}: the ${vendor} schema can't be put as JSON Schema: ${wrapError(cause, 'CONFIG_INVALID').message}. Take types that JSON has, or give a plain JSON Schema.`,
      cause,
    )
  }
}

function wayOut(vendor: string): string {
  if (vendor === 'zod') return 'Take zod 4.2 or later'
  if (vendor === 'valibot') return 'Wrap it in toStandardJsonSchema of @valibot/to-json-schema'
  return `Take a version of ${vendor} that follows Standard JSON Schema`
}

/**
 * zod drops the properties that it does not know, and says nothing of that in the JSON Schema. Providers' strict modes want
 * it said. Not with `allOf`, whose members would each refuse what the others know.
 */
function closed(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map((item: Json) => closed(item))
  if (!isPlainObject(schema)) return schema
  const result: Record<string, Json> = {}
  for (const [key, value] of Object.entries(schema as Record<string, Json>)) {
    if (key === 'properties' || key === '$defs' || key === 'definitions') {
      const each = Object.entries(value as Record<string, Json>).map(([name, inner]) => [name, closed(inner)])
      result[key] = Object.fromEntries(each) as Json
    } else result[key] = LITERAL.has(key) ? value : closed(value)
  }
  if (result['type'] === 'object' && result['properties'] && result['additionalProperties'] === undefined) {
    result['additionalProperties'] = false
  }
  return result
}

const LITERAL = new Set(['const', 'enum', 'default', 'examples', 'required'])

/** An `allOf` of one reference is only how draft 7 gives a reference a description. */
function isIntersection(schema: Json): boolean {
  return JSON.stringify(schema)
    .replaceAll(/"allOf":\[\{"\$ref":"[^"]*"\}\]/g, '')
    .includes('"allOf":')
}

const MAX_PROBLEMS = 10

function listed(problems: readonly string[]): string {
  const more = problems.length - MAX_PROBLEMS
  return problems.slice(0, MAX_PROBLEMS).join('; ') + (more > 0 ? `; and ${more} more` : '')
}

function pathText(path: StandardSchemaV1.Issue['path'] = []): string {
  return path.reduce<string>((text, segment) => {
    const key = typeof segment === 'object' ? segment.key : segment
    return at(text, typeof key === 'number' ? key : String(key))
  }, '$')
}

function copy(schema: object): JsonSchema {
  return JSON.parse(JSON.stringify(schema)) as JsonSchema
}

function invalid(message: string, cause?: unknown): HoldfastError {
  return new HoldfastError({ code: 'CONFIG_INVALID', message, ...(cause !== undefined && { cause }) })
}
