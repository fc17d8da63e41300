/** Small questions that the JSON Schema validator asks of schemas and values. */
import type { Json, JsonObject } from './json.ts'
import { isPlainObject } from './json.ts'

export function isOfType(type: string, value: unknown): boolean {
  return type === typeName(value) || (type === 'number' && typeof value === 'number')
}

export function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

/** Equal as JSON. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => isSame(item, b[i]))
  if (!isPlainObject(a) || !isPlainObject(b)) return false
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]))
}

export function schemas(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

export function members(value: Json | undefined): JsonObject {
  return isPlainObject(value) ? (value as JsonObject) : {}
}

/** Many a pattern in the wild escapes what the `u` flag does not let it. */
export function regExp(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'u')
  } catch {
    return new RegExp(pattern)
  }
}

/** What `#/…` points to. */
export function resolve(root: Json, ref: string): Json | undefined {
  if (ref !== '#' && !ref.startsWith('#/')) return undefined
  let found: Json | undefined = root
  for (const step of ref.split('/').slice(1)) {
    const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined
    found = (found as JsonObject)[key]
  }
  return found
}
