/**
 * A digest of JSON: 128 bits in hex, the same in every process and whatever the order of an object's members (an
 * engine may keep records in a store that reorders them). It finds accidents (a changed deploy, a changed hook), it is no
 * defence against an attacker; and it is ours, because a workflow sandbox has no `crypto`.
 *
 * MurmurHash3 (Appleby, public domain) in its form of four lanes of 32 bits, over a tagged walk of the value.
 */
import type { Json, JsonObject } from './json.ts'

// Looked up once: in a workflow sandbox each look at a global costs more than a hundred of these.
const { imul } = Math

export function digest(value: Json, seed = ''): string {
  const lanes: Lanes = { a: 0x239b961b, b: 0xab0e9789 | 0, c: 0x38b34ae5, d: 0xa1e38b93 | 0 }
  if (seed) text(lanes, SEED, seed)
  walk(lanes, value)
  return finish(lanes)
}

interface Chained {
  readonly message: object
  readonly previous: string
  readonly digest: string
}

/** The last few, in a ring: a `WeakMap` takes longer to write to than a message to digest. */
const recent: Chained[] = []
const RECENT = 16
let oldest = 0

/**
 * The digest of a conversation after one more message: chained, so that a turn costs what is new in it. Of a message that
 * can't change it is kept for a while: the step that shows it to a model, and the base after that, both ask for it.
 */
export function chainDigest(previous: string, message: Json): string {
  if (typeof message !== 'object' || message === null || !Object.isFrozen(message)) return digest(message, previous)
  const known = recent.find((one) => one.message === message && one.previous === previous)
  if (known) return known.digest
  const now = digest(message, previous)
  recent[oldest] = { message, previous, digest: now }
  oldest = (oldest + 1) % RECENT
  return now
}

/** An object of small integers: in an array they would be doubles, and mixing them half as fast. */
interface Lanes {
  a: number
  b: number
  c: number
  d: number
}

// What opens each part of the walk, so that no two values have the same.
const [SEED, STRING, NUMBER, NULL, TRUE, FALSE, ARRAY, OBJECT, KEY, END] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const

function walk(lanes: Lanes, value: Json): void {
  if (typeof value === 'string') text(lanes, STRING, value)
  else if (typeof value === 'number') text(lanes, NUMBER, String(value))
  else if (value === null) mix(lanes, NULL, 0, 0, 0)
  else if (typeof value === 'boolean') mix(lanes, value ? TRUE : FALSE, 0, 0, 0)
  else if (Array.isArray(value)) {
    mix(lanes, ARRAY, value.length, 0, 0)
    for (const item of value) walk(lanes, item as Json)
  } else {
    const object = value as JsonObject
    mix(lanes, OBJECT, 0, 0, 0)
    for (const key of sorted(Object.keys(object))) {
      const member = object[key]
      if (member === undefined) continue
      text(lanes, KEY, key)
      walk(lanes, member)
    }
    mix(lanes, END, 0, 0, 0)
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

/** Eight characters at a time, but for the first four, which go with what the text is and how long. */
function text(lanes: Lanes, tag: number, value: string): void {
  const { length } = value
  mix(lanes, tag, length, pair(value, 0), pair(value, 2))
  let i = 4
  // Nothing is asked for past the end: without that question a letter costs half.
  for (; i + 8 <= length; i += 8) {
    mix(
      lanes,
      value.charCodeAt(i) | (value.charCodeAt(i + 1) << 16),
      value.charCodeAt(i + 2) | (value.charCodeAt(i + 3) << 16),
      value.charCodeAt(i + 4) | (value.charCodeAt(i + 5) << 16),
      value.charCodeAt(i + 6) | (value.charCodeAt(i + 7) << 16),
    )
  }
  if (i < length) mix(lanes, pair(value, i), pair(value, i + 2), pair(value, i + 4), pair(value, i + 6))
}

/** Two characters as one word. Past the end there are zeros; the length, mixed before, tells them from a text's own. */
function pair(value: string, at: number): number {
  return unit(value, at) | (unit(value, at + 1) << 16)
}

/** `charCodeAt` alone would do, since NaN counts as zero, but asked once past the end it is slow from then on. */
function unit(value: string, at: number): number {
  return at < value.length ? value.charCodeAt(at) : 0
}

function mix(lanes: Lanes, k1: number, k2: number, k3: number, k4: number): void {
  const a = lanes.a ^ scramble(k1, 0x239b961b, 15, 0xab0e9789)
  lanes.a = (imul(((a << 19) | (a >>> 13)) + lanes.b, 5) + 0x561ccd1b) | 0
  const b = lanes.b ^ scramble(k2, 0xab0e9789, 16, 0x38b34ae5)
  lanes.b = (imul(((b << 17) | (b >>> 15)) + lanes.c, 5) + 0x0bcaa747) | 0
  const c = lanes.c ^ scramble(k3, 0x38b34ae5, 17, 0xa1e38b93)
  lanes.c = (imul(((c << 15) | (c >>> 17)) + lanes.d, 5) + 0x96cd1c35) | 0
  const d = lanes.d ^ scramble(k4, 0xa1e38b93, 18, 0x239b961b)
  lanes.d = (imul(((d << 13) | (d >>> 19)) + lanes.a, 5) + 0x32ac3b17) | 0
}

function scramble(word: number, before: number, by: number, after: number): number {
  const k = imul(word, before)
  return imul((k << by) | (k >>> (32 - by)), after)
}

function finish(lanes: Lanes): string {
  for (let i = 0; i < 2; i++) {
    lanes.a = avalanche(lanes.a + lanes.b + lanes.c + lanes.d)
    lanes.b = avalanche(lanes.b + lanes.a)
    lanes.c = avalanche(lanes.c + lanes.a)
    lanes.d = avalanche(lanes.d + lanes.a)
  }
  return hex(lanes.a) + hex(lanes.b) + hex(lanes.c) + hex(lanes.d)
}

function avalanche(lane: number): number {
  let h = lane | 0
  h = imul(h ^ (h >>> 16), 0x85ebca6b)
  h = imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) | 0
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** By bytes: `toString(16)` of a whole lane takes longer than all the mixing of a small message. */
function hex(lane: number): string {
  return `${HEX[lane >>> 24]}${HEX[(lane >>> 16) & 255]}${HEX[(lane >>> 8) & 255]}${HEX[lane & 255]}`
}
