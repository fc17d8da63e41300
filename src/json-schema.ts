/**
 * A validator of plain JSON Schema (draft 7 and 2020-12): small, because the core has no dependency. `format` and keywords
 * that it has never heard of are annotations, as the standard says; what it knows and can't check, `unsupportedKeyword` names.
 */
import type { Json, JsonObject } from './json.ts'
import { at, isPlainObject } from './json.ts'
import { isOfType, isSame, members, regExp, resolve, schemas, typeName } from './json-schema-values.ts'

export { unsupportedKeyword } from './json-schema-support.ts'

/** What is wrong with the value, each problem with its path: `$.passengers[0].age: must be integer, is string`. */
export function checkJsonSchema(schema: Json, value: unknown): string[] {
  return check({ root: schema, problems: [], hops: 0, depth: 0 }, schema, value, '$')
}

interface Scope {
  readonly root: Json
  readonly problems: string[]
  /** Schemas applied to one and the same value: a `$ref` to itself would go on for ever. */
  readonly hops: number
  readonly depth: number
}
/** One value under one schema. `also` applies another schema to it, `inside` one to a part of it. */
interface Here {
  readonly schema: JsonObject
  readonly path: string
  readonly scope: Scope
  fail(problem: string, path?: string): void
  also(schema: Json): string[]
  inside(schema: Json, value: unknown, path: string): void
}

const MAX_HOPS = 100
/** A model that writes brackets without end must not overflow the stack. */
const MAX_DEPTH = 200

function check(scope: Scope, schema: Json, value: unknown, path: string): string[] {
  const { problems, hops, depth } = scope
  const fail = (problem: string, at = path): void => void problems.push(`${at}: ${problem}`)
  if (schema === false) fail('is not allowed')
  if (hops > MAX_HOPS) fail('the schema refers to itself without end')
  if (depth > MAX_DEPTH) fail('is nested too deeply')
  if (!isPlainObject(schema) || hops > MAX_HOPS || depth > MAX_DEPTH) return problems
  const here: Here = {
    schema: schema as JsonObject,
    path,
    scope,
    fail,
    also: (other) => check({ ...scope, problems: [], hops: hops + 1 }, other, value, path),
    inside: (other, part, at) => void check({ ...scope, hops: 0, depth: depth + 1 }, other, part, at),
  }
  checkAnyValue(here, value)
  checkApplied(here)
  if (typeof value === 'string') checkString(here, value)
  else if (typeof value === 'number') checkNumber(here, value)
  else if (Array.isArray(value)) checkArray(here, value)
  else if (isPlainObject(value)) checkObject(here, value)
  return problems
}

function checkAnyValue({ schema, fail }: Here, value: unknown): void {
  const { type, const: constant, enum: allowed } = schema
  const types = (Array.isArray(type) ? type : type === undefined ? [] : [type]) as readonly string[]
  if (types.length > 0 && !types.some((name) => isOfType(name, value))) {
    fail(`must be ${types.join(' or ')}, is ${typeName(value)}`)
  }
  if (constant !== undefined && !isSame(constant, value)) fail(`must be ${JSON.stringify(constant)}`)
  if (Array.isArray(allowed) && !allowed.some((one: Json) => isSame(one, value))) {
    fail(`must be one of ${allowed.map((one: Json) => JSON.stringify(one)).join(', ')}`)
  }
}

function checkApplied({ schema, scope, fail, also }: Here): void {
  const { $ref, allOf, anyOf, oneOf, not, if: condition } = schema
  if (typeof $ref === 'string') scope.problems.push(...also(resolve(scope.root, $ref) ?? false))
  for (const each of schemas(allOf)) scope.problems.push(...also(each))
  for (const [alternatives, most] of [[anyOf, Number.POSITIVE_INFINITY] as const, [oneOf, 1] as const]) {
    if (alternatives === undefined) continue
    const tried = schemas(alternatives).map(also)
    const fitting = tried.filter(({ length }) => length === 0).length
    const [closest = []] = tried.toSorted((a, b) => a.length - b.length)
    if (fitting === 0) fail(`fits none of ${tried.length} alternatives, the closest because of (${closest.join('; ')})`)
    if (fitting > most) fail(`fits ${fitting} alternatives, must fit exactly one`)
  }
  if (not !== undefined && also(not).length === 0) fail('must not fit the schema under "not"')
  if (condition !== undefined) {
    const branch = also(condition).length === 0 ? schema['then'] : schema['else']
    if (branch !== undefined) scope.problems.push(...also(branch))
  }
}

function checkString({ schema, fail }: Here, value: string): void {
  const { pattern } = schema
  const length = schema['minLength'] === undefined && schema['maxLength'] === undefined ? 0 : [...value].length
  within(schema, 'Length', length, 'characters', fail)
  if (typeof pattern === 'string' && !regExp(pattern).test(value)) fail(`must match ${pattern}`)
}

const BOUNDS: readonly (readonly [keyword: string, must: string, fits: (value: number, bound: number) => boolean])[] = [
  ['minimum', 'at least', (value, bound) => value >= bound],
  ['maximum', 'at most', (value, bound) => value <= bound],
  ['exclusiveMinimum', 'more than', (value, bound) => value > bound],
  ['exclusiveMaximum', 'less than', (value, bound) => value < bound],
]

function checkNumber({ schema, fail }: Here, value: number): void {
  const { multipleOf } = schema
  for (const [keyword, must, fits] of BOUNDS) {
    const bound = schema[keyword]
    if (typeof bound === 'number' && !fits(value, bound)) fail(`must be ${must} ${bound}`)
  }
  if (typeof multipleOf === 'number') {
    // 0.3 is a multiple of 0.1, whatever the quotient of the two doubles.
    const quotient = value / multipleOf
    const off = Math.abs(quotient - Math.round(quotient))
    if (off > Number.EPSILON * Math.max(1, Math.abs(quotient)) * 4) fail(`must be a multiple of ${multipleOf}`)
  }
}

function checkArray({ schema, path, scope, fail, inside }: Here, value: readonly unknown[]): void {
  const { prefixItems, items, additionalItems, contains, uniqueItems } = schema
  within(schema, 'Items', value.length, 'items', fail)
  // Draft 7 has its tuples in `items`, and what follows them in `additionalItems`.
  const first = schemas(Array.isArray(items) ? items : prefixItems)
  const rest = Array.isArray(items) ? additionalItems : items
  for (const [index, item] of value.entries()) {
    const each = first[index] ?? rest
    if (each !== undefined) inside(each, item, `${path}[${index}]`)
  }
  if (contains !== undefined) {
    const found = value.filter((item) => checkJsonSchemaIn(scope, contains, item)).length
    within({ minContains: 1, ...schema }, 'Contains', found, 'items that fit "contains"', fail)
  }
  if (uniqueItems === true && value.some((item, index) => value.slice(0, index).some((one) => isSame(one, item)))) {
    fail('must not have an item twice')
  }
}

function checkObject({ schema, path, scope, fail, also, inside }: Here, value: Record<string, unknown>): void {
  const { properties, patternProperties, additionalProperties, propertyNames, required } = schema
  const named = members(properties)
  const patterns = Object.entries(members(patternProperties)).map(([pattern, each]) => [regExp(pattern), each] as const)
  const keys = Object.keys(value)
  within(schema, 'Properties', keys.length, 'properties', fail)
  const need = (names: Json | undefined, because = ''): void => {
    for (const name of Array.isArray(names) ? (names as string[]) : []) {
      if (!Object.hasOwn(value, name)) fail(`is required${because}`, at(path, name))
    }
  }
  need(required)
  for (const key of keys) {
    const fitting = patterns.filter(([pattern]) => pattern.test(key)).map(([, each]) => each)
    if (Object.hasOwn(named, key)) fitting.push(named[key] as Json)
    if (fitting.length === 0 && additionalProperties === false) {
      fail(`is not known here; known are ${Object.keys(named).join(', ') || 'none'}`, at(path, key))
    } else if (fitting.length === 0 && additionalProperties !== undefined) fitting.push(additionalProperties)
    for (const each of fitting) inside(each, value[key], at(path, key))
    if (propertyNames !== undefined && !checkJsonSchemaIn(scope, propertyNames, key))
      fail('has a name that is not allowed', at(path, key))
  }
  for (const source of [schema['dependencies'], schema['dependentRequired'], schema['dependentSchemas']]) {
    for (const [key, then] of Object.entries(members(source))) {
      if (!Object.hasOwn(value, key)) continue
      if (Array.isArray(then)) need(then, ` with ${key}`)
      else scope.problems.push(...also(then))
    }
  }
}

function checkJsonSchemaIn(scope: Scope, schema: Json, value: unknown): boolean {
  return check({ ...scope, problems: [], hops: 0, depth: scope.depth + 1 }, schema, value, '$').length === 0
}

function within(schema: JsonObject, what: string, count: number, unit: string, fail: Here['fail']): void {
  const least = schema[`min${what}`]
  const most = schema[`max${what}`]
  if (typeof least === 'number' && count < least) fail(`must have at least ${least} ${unit}`)
  if (typeof most === 'number' && count > most) fail(`must have at most ${most} ${unit}`)
}
