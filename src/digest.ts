/**
 * A digest of JSON: 128 bits in hex, the same in every process and whatever the order of an object's members (an
 * engine may keep records in a store that reorders them). It finds accidents (a changed deploy, a changed hook), it is no
 * defence against an attacker; and it is ours, because a workflow sandbox has no `crypto`.
 *
 * Four lanes of 32 bits, mixed as MurmurHash3 does (Appleby, public domain), over a tagged walk of the value.
 */
import type { Json, JsonObject } from './json.ts'

export function digest(value: Json, seed = ''): string {
  const lanes: Lanes = { a: 0x239b961b, b: 0xab0e9789 | 0, c: 0x38b34ae5, d: 0xa1e38b93 | 0 }
  if (seed) text(lanes, seed)
  walk(lanes, value)
  return finish(lanes)
}

/** The digest of a conversation after one more message: chained, so that a turn costs what is new in it. */
export function chainDigest(previous: string, message: Json): string {
  return digest(message, previous)
}

/** An object of small integers: in an array they would be doubles, and mixing them half as fast. */
interface Lanes {
  a: number
  b: number
  c: number
  d: number
}

function walk(lanes: Lanes, value: Json): void {
  if (typeof value === 'string') {
    mix(lanes, 1)
    text(lanes, value)
  } else if (typeof value === 'number') {
    mix(lanes, 2)
    text(lanes, String(value))
  } else if (value === null || typeof value === 'boolean') {
    mix(lanes, value === null ? 3 : value ? 4 : 5)
  } else if (Array.isArray(value)) {
    mix(lanes, 6)
    mix(lanes, value.length)
    for (const item of value) walk(lanes, item as Json)
  } else {
    const object = value as JsonObject
    const keys = sorted(Object.keys(object))
    mix(lanes, 7)
    for (const key of keys) {
      const member = object[key]
      if (member === undefined) continue
      text(lanes, key)
      walk(lanes, member)
    }
    mix(lanes, 8)
  }
}

/** In place, by insertion: the objects of a conversation are small, and `sort()` takes a hundred times their memory. */
function sorted(keys: string[]): string[] {
  if (keys.length > 16) return keys.sort()
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string
    let at = i
    for (; at > 0 && (keys[at - 1] as string) > key; at--) keys[at] = keys[at - 1] as string
    keys[at] = key
  }
  return keys
}

function text(lanes: Lanes, value: string): void {
  mix(lanes, value.length)
  for (let i = 0; i < value.length; i += 2) {
    mix(lanes, value.charCodeAt(i) | (value.charCodeAt(i + 1) << 16))
  }
}

function mix(lanes: Lanes, word: number): void {
  let k = Math.imul(word, 0xcc9e2d51)
  k = (k << 15) | (k >>> 17)
  const a = lanes.a ^ Math.imul(k, 0x1b873593)
  lanes.a = (Math.imul((a << 19) | (a >>> 13), 5) + lanes.b) | 0
  const b = lanes.b ^ Math.imul(k, 0x38b34ae5)
  lanes.b = (Math.imul((b << 17) | (b >>> 15), 5) + lanes.c + 0x561ccd1b) | 0
  const c = lanes.c ^ Math.imul(k, 0xa1e38b93)
  lanes.c = (Math.imul((c << 15) | (c >>> 17), 5) + lanes.d + 0x0bcaa747) | 0
  const d = lanes.d ^ Math.imul(k, 0x239b961b)
  lanes.d = (Math.imul((d << 13) | (d >>> 19), 5) + lanes.a + 0x32ac3b17) | 0
}

function finish(lanes: Lanes): string {
  for (let i = 0; i < 2; i++) {
    lanes.a = avalanche(lanes.a + lanes.b + lanes.c + lanes.d)
    lanes.b = avalanche(lanes.b + lanes.a)
    lanes.c = avalanche(lanes.c + lanes.a)
    lanes.d = avalanche(lanes.d + lanes.a)
  }
  return [lanes.a, lanes.b, lanes.c, lanes.d].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('')
}

function avalanche(lane: number): number {
  let h = lane | 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) | 0
}
