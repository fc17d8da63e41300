/** What cases expect, said in errors that a plugin's author can go by. No test runner. */
import type { ErrorCode, HoldfastError } from '../errors.ts'
import { isHoldfastError } from '../errors.ts'

/** A promise that the kit found broken. */
export class BrokenPromise extends Error {
  override readonly name = 'BrokenPromise'
}

export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new BrokenPromise(message)
}

/** @param what opens the message, e.g. `the result after the crash` */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  const found = differences(expected, actual)
  check(found.length === 0, `${what}: ${found.join('; ')}`)
}

/** The work has to fail with one of these codes. */
export async function expectError(
  work: Promise<unknown>,
  codes: readonly ErrorCode[],
  what: string,
): Promise<HoldfastError> {
  let value: unknown
  try {
    value = await work
  } catch (error) {
    if (isHoldfastError(error) && codes.includes(error.code)) return error
    const said =
      error instanceof Error ? `${isHoldfastError(error) ? error.code : error.name}: ${error.message}` : String(error)
    throw new BrokenPromise(`${what} failed with ${said}, and not with ${codes.join(' or ')}`)
  }
  throw new BrokenPromise(`${what} should have failed with ${codes.join(' or ')}, and gave ${show(value)}`)
}

const MAX_DIFFERENCES = 5

/** Where two values differ, with both sides; the first few. Members that are `undefined` are no members. */
export function differences(expected: unknown, actual: unknown, path = ''): string[] {
  if (Object.is(expected, actual)) return []
  if (!isObject(expected) || !isObject(actual) || Array.isArray(expected) !== Array.isArray(actual)) {
    return [`${path === '' ? '' : `${path} `}is ${show(actual)}, expected ${show(expected)}`]
  }
  const keys = new Set([...Object.keys(expected), ...Object.keys(actual)])
  const found: string[] = []
  for (const key of keys) {
    found.push(...differences(expected[key], actual[key], path === '' ? key : `${path}.${key}`))
    if (found.length >= MAX_DIFFERENCES) break
  }
  return found.slice(0, MAX_DIFFERENCES)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = JSON.stringify(value) ?? String(value)
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
