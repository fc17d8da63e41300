/** A trip of the contract agent, whatever is killed on the way: what it does, and what must come of it. */
import { readFileSync, writeFileSync } from 'node:fs'
import type { RunHandle, RunResult } from 'holdfast'
import { expect } from 'vitest'
import { BOOKING } from './trip-steps.ts'

export const APPROVAL = `${BOOKING}/approval`
export const UNKNOWN = `${BOOKING}/unknown`
export const INPUT = 'Fly me to Tokyo'
const TEXT = 'Booked JL44-1; Hotel Okura; In Tokyo it is sunny.'

export function newEffects(file: string): string {
  writeFileSync(file, '')
  return file
}

function tools(file: string): Record<string, number> {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean)
  const names = lines.map((line) => line.split(' ')[0] as string)
  return Object.fromEntries(
    Object.entries(Object.groupBy(names, (name) => name)).map(([name, all = []]) => [name, all.length]),
  )
}

/** Each tool once, the hotels twice; and once more what was done and not recorded, but for what is done once at most. */
function expectedTools(again: string): Record<string, number> {
  const counts: Record<string, number> = { searchFlights: 1, searchHotels: 2, forecast: 1, bookFlight: 1 }
  const name = again.split('/').at(-1)?.split('#')[0] ?? ''
  const count = counts[name]
  return count === undefined || name === 'bookFlight' ? counts : { ...counts, [name]: count + 1 }
}

export function expectTrip(result: RunResult, effects: string, again = ''): void {
  expect(result).toMatchObject({ status: 'completed', text: TEXT, turns: 3 })
  expect(result.state.plugins).toEqual({ app: { tools: 3 } })
  expect(tools(effects)).toEqual(expectedTools(again))
}

/** Resolves when the run waits. */
export async function untilWaiting(run: RunHandle): Promise<void> {
  await expect
    .poll(async () => (await run.status().catch(() => undefined))?.waits.length, { timeout: 40_000, interval: 100 })
    .toBe(1)
}

/** Answers what the run asks until it has ended. */
export async function answerAll(run: RunHandle, unknown?: unknown): Promise<RunResult> {
  const asked = new Set<string>()
  let ended = false
  const result = run.result()
  const end = (): void => {
    ended = true
  }
  result.then(end, end)
  while (!ended) {
    const { waits } = await run.status().catch(() => ({ waits: [] }))
    for (const { id } of waits) {
      if (asked.has(id)) continue
      const answer = id === APPROVAL ? { approved: true } : unknown
      await run.respond(id, answer).then(
        () => asked.add(id),
        () => {},
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  expect([...asked].filter((id) => id !== APPROVAL && (unknown === undefined || id !== UNKNOWN))).toEqual([])
  return result
}
