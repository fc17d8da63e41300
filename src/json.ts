/**
 * The one codec: what crosses a step's boundary is JSON, and nothing is changed in silence on the way.
 *
 * `JSON.stringify` turns bytes into `{"0":1,…}`, dates into strings and functions into nothing. Here bytes, dates and
 * URLs are tagged and come back as what they were; `undefined` members are dropped; anything else is refused with the
 * path of the value.
 */
import { HoldfastError } from './errors.ts'
import type { Json, JsonObject } from './json-value.ts'

export type { Json, JsonObject } from './json-value.ts'

const TAGS = { bytes: '$bytes', date: '$date', url: '$url', escaped: '$escaped' } as const

/**
 * A value as JSON. Bytes (`Uint8Array`, `ArrayBuffer`), `Date` and `URL` become `{ $bytes }`, `{ $date }`, `{ $url }`.
 *
 * @param where what the value belongs to; it opens the error's message, e.g. `step 3/tool/0/search: output`
 * @throws `NOT_JSON` with the path of the first value that is no JSON: a function, a symbol, a bigint, a cycle, `NaN`,
 * a class instance, `undefined` in an array
 */
export function toJson(value: unknown, where: string): Json {
  return encode(value, encoding(where, false))
}

/**
 * A value that is JSON already, as a copy; nothing is tagged or escaped once more.
 * @throws `NOT_JSON`, for bytes, dates and URLs too
 */
export function requireJson(value: unknown, where: string): Json {
  return encode(value, encoding(where, true))
}

/** The members of an object as JSON, for an object that they are put into. @throws `NOT_JSON` */
export function membersToJson(value: Record<string, unknown>, where: string): JsonObject {
  return encodeMembers(value, encoding(where, false))
}

interface Encoding {
  readonly where: string
  /** No tags: bytes, dates and URLs are refused, and what looks like a tag is left as it is. */
  readonly plain: boolean
  /** The way to the value at hand: keys, and the objects and arrays that have them. Only an error makes a text of it. */
  readonly path: (string | number)[]
  readonly parents: object[]
}

function encoding(where: string, plain: boolean): Encoding {
  return { where, plain, path: [], parents: [] }
}

/** The value that `toJson` was given, tags resolved. Untagged JSON comes back as it is. */
export function fromJson(json: Json): unknown {
  return decode(json, untagged)
}

/** As `fromJson`, but with the text that JSON usually has for bytes, dates and URLs: base64, ISO 8601, the address. */
export function withoutTags(json: Json): unknown {
  return decode(json, (_, text) => text)
}

type TagReader = (key: string, text: string) => unknown

function untagged(key: string, text: string): unknown {
  if (key === TAGS.bytes) return bytesFromBase64(text)
  return key === TAGS.date ? new Date(text) : new URL(text)
}

function decode(json: Json, read: TagReader): unknown {
  if (json === null || typeof json !== 'object') return json
  if (Array.isArray(json)) return json.map((item: Json) => decode(item, read))
  const object = json as JsonObject
  const keys = Object.keys(object)
  if (keys.length === 1) {
    const [key] = keys as [string]
    const tagged = object[key] as Json
    if (key === TAGS.escaped) return decodeMembers(tagged as JsonObject, read)
    if (typeof tagged === 'string' && (key === TAGS.bytes || key === TAGS.date || key === TAGS.url)) {
      return read(key, tagged)
    }
  }
  return decodeMembers(object, read)
}

/** Whether a value is a plain object: what `{}` or `Object.create(null)` makes, in this realm or another. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value) as object | null
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function decodeMembers(object: JsonObject, read: TagReader): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const key of Object.keys(object)) define(result, key, decode(object[key] as Json, read))
  return result
}

function encode(value: unknown, how: Encoding): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      if (Number.isFinite(value)) return Object.is(value, -0) ? 0 : value
      throw notJson(String(value), how)
    case 'object':
      return value === null ? null : encodeObject(value, how)
    default:
      throw notJson(value === undefined ? 'undefined' : `a ${typeof value}`, how)
  }
}

function encodeObject(value: object, how: Encoding): Json {
  if (how.parents.includes(value)) throw notJson('a cycle', how)
  if (Array.isArray(value)) return encodeItems(value, how)
  const tagged = how.plain || Object.getPrototypeOf(value) === Object.prototype ? undefined : encodeTagged(value, how)
  if (tagged) return tagged
  if (!isPlainObject(value)) {
    const name = (value as { constructor?: { name?: string } }).constructor?.name
    throw notJson(`an instance of ${name || 'a class'}`, how)
  }
  const members = encodeMembers(value, how)
  // An object of the app's own that looks like one of our tags is wrapped, so that it comes back as it was.
  const kept = Object.keys(members)
  const looksTagged = kept.length === 1 && (Object.values(TAGS) as string[]).includes(kept[0] as string)
  return looksTagged && !how.plain ? { [TAGS.escaped]: members } : members
}

function encodeTagged(value: object, how: Encoding): Json | undefined {
  const bytes = asBytes(value)
  if (bytes) return { [TAGS.bytes]: base64FromBytes(bytes) }
  const tag = Object.prototype.toString.call(value)
  if (tag === '[object Date]') {
    const time = (value as Date).getTime()
    if (Number.isNaN(time)) throw notJson('an invalid date', how)
    return { [TAGS.date]: (value as Date).toISOString() }
  }
  return tag === '[object URL]' ? { [TAGS.url]: (value as URL).href } : undefined
}

function encodeItems(value: readonly unknown[], how: Encoding): Json {
  const result: Json[] = []
  how.parents.push(value)
  for (let index = 0; index < value.length; index++) {
    how.path.push(index)
    result.push(encode(value[index], how))
    how.path.pop()
  }
  how.parents.pop()
  return result
}

function encodeMembers(value: Record<string, unknown>, how: Encoding): JsonObject {
  const result: Record<string, Json> = {}
  how.parents.push(value)
  for (const key of Object.keys(value)) {
    const member = value[key]
    if (member === undefined) continue
    how.path.push(key)
    define(result, key, encode(member, how))
    how.path.pop()
  }
  how.parents.pop()
  return result
}

/** Plain assignment, but for `__proto__`, which assignment would lose. */
function define<T>(object: Record<string, T>, key: string, value: T): void {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  } else object[key] = value
}

/** The path of a member or an item: `$.name`, `$["odd name"]`, `$[3]`. */
export function at(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`
  return /^[A-Za-z_]\w*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`
}

function notJson(what: string, { where, plain, path: keys }: Encoding): HoldfastError {
  const path = keys.reduce<string>(at, '$')
  return new HoldfastError({
    code: 'NOT_JSON',
    message: `${where}: ${path} is ${what}, which can't be recorded. Give JSON${plain ? '' : ', bytes, a Date or a URL'}.`,
    details: { path, where },
  })
}

function asBytes(value: object): Uint8Array | undefined {
  // By tag, not by instanceof: a sandbox or a test runner may hand over bytes of another realm.
  const tag = Object.prototype.toString.call(value)
  if (tag === '[object Uint8Array]') return value as Uint8Array
  if (tag === '[object ArrayBuffer]') return new Uint8Array(value as ArrayBuffer)
  return undefined
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** Bytes as base64 with padding. Ours, because a workflow sandbox has neither `Buffer` nor `btoa`. */
export function base64FromBytes(bytes: Uint8Array): string {
  let result = ''
  for (let i = 0; i < bytes.length; i += 3) {
    const chunk = ((bytes[i] as number) << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0)
    result += ALPHABET[chunk >> 18]
    result += ALPHABET[(chunk >> 12) & 63]
    result += i + 1 < bytes.length ? ALPHABET[(chunk >> 6) & 63] : '='
    result += i + 2 < bytes.length ? ALPHABET[chunk & 63] : '='
  }
  return result
}

/** The bytes of a base64 text, with or without padding, in the plain or the URL-safe alphabet. */
export function bytesFromBase64(text: string): Uint8Array {
  const clean = text.replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, '')
  const bytes = new Uint8Array(Math.floor((clean.length * 3) / 4))
  let bits = 0
  let chunk = 0
  let at = 0
  for (const letter of clean) {
    const value = ALPHABET.indexOf(letter)
    if (value < 0) throw notJson('not base64', encoding('bytes', true))
    chunk = ((chunk << 6) | value) & 0xffffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[at++] = (chunk >> bits) & 0xff
    }
  }
  return bytes
}

/** JSON, frozen through and through: an input that a hook could change in place would be seen by no engine. */
export function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value)
    if (Array.isArray(value)) for (const item of value) deepFreeze(item)
    else for (const key of Object.keys(value)) deepFreeze(value[key as keyof typeof value])
  }
  return value
}
