/** Which JSON Schemas the validator can check in full. */
import type { Json } from './json.ts'
import { isPlainObject } from './json.ts'
import { regExp, resolve } from './json-schema-values.ts'

type Shape = (value: Json, root: Json) => boolean

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null']
const number: Shape = (value) => typeof value === 'number'
const list: Shape = (value) => Array.isArray(value)
const names: Shape = (value) => Array.isArray(value) && value.every((name: Json) => typeof name === 'string')
const schema: Shape = (value) => typeof value === 'boolean' || isPlainObject(value)
const object: Shape = (value) => isPlainObject(value)
const never: Shape = () => false

/** Keywords that assert something, and what they must look like for the validator to see it. */
const SHAPES: { readonly [keyword: string]: Shape } = {
  type: (value) => (Array.isArray(value) ? value : [value]).every((name: Json) => TYPES.includes(name as string)),
  enum: list,
  required: names,
  minLength: number,
  maxLength: number,
  minimum: number,
  maximum: number,
  exclusiveMinimum: number,
  exclusiveMaximum: number,
  multipleOf: number,
  minItems: number,
  maxItems: number,
  minContains: number,
  maxContains: number,
  minProperties: number,
  maxProperties: number,
  pattern: (value) => typeof value === 'string' && isPattern(value),
  $ref: (value, root) => typeof value === 'string' && resolve(root, value) !== undefined,
  unevaluatedProperties: never,
  unevaluatedItems: never,
  $dynamicRef: never,
  $recursiveRef: never,
  nullable: never,
  divisibleBy: never,
  disallow: never,
  extends: never,
}

const ONE = ['additionalProperties', 'propertyNames', 'additionalItems', 'contains', 'not', 'if', 'then', 'else']
const MANY = ['prefixItems', 'anyOf', 'oneOf', 'allOf']
const NAMED = ['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions']

/**
 * The first keyword that would go unchecked, with its place: `#/properties/a/unevaluatedProperties`. Those are what the
 * validator does not do, `$ref` to elsewhere, keywords of older drafts and OpenAPI, and values of the wrong shape.
 */
export function unsupportedKeyword(root: Json): string | undefined {
  return search(root, root, '#')
}

function search(root: Json, part: Json, path: string): string | undefined {
  if (!isPlainObject(part)) return typeof part === 'boolean' ? undefined : path
  for (const [keyword, value] of Object.entries(part as Record<string, Json>)) {
    const found = searchKeyword(root, keyword, value, `${path}/${keyword}`)
    if (found !== undefined) return found
  }
  return undefined
}

function searchKeyword(root: Json, keyword: string, value: Json, path: string): string | undefined {
  if (Object.hasOwn(SHAPES, keyword)) return SHAPES[keyword]?.(value, root) ? undefined : path
  if (ONE.includes(keyword) || (keyword === 'items' && !Array.isArray(value))) {
    return schema(value, root) ? search(root, value, path) : path
  }
  if (MANY.includes(keyword) || keyword === 'items') {
    return list(value, root) ? searchAll(root, Object.entries(value as readonly Json[]), path) : path
  }
  if (NAMED.includes(keyword)) {
    if (!object(value, root)) return path
    const entries = Object.entries(value as Record<string, Json>)
    if (keyword === 'patternProperties' && !entries.every(([pattern]) => isPattern(pattern))) return path
    return searchAll(root, entries, path)
  }
  if (keyword === 'dependencies' || keyword === 'dependentRequired') {
    if (!object(value, root)) return path
    return searchAll(
      root,
      Object.entries(value as Record<string, Json>).filter(([, then]) => !names(then, root)),
      path,
    )
  }
  return undefined
}

function searchAll(root: Json, entries: readonly (readonly [string, Json])[], path: string): string | undefined {
  for (const [key, each] of entries) {
    const found = search(root, each, `${path}/${key}`)
    if (found !== undefined) return found
  }
  return undefined
}

function isPattern(pattern: string): boolean {
  try {
    regExp(pattern)
    return true
  } catch {
    return false
  }
}
