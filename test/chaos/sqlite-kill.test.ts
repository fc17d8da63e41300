/**
 * The promise, on SQLite: a process that is killed with SIGKILL at any boundary of any step of the travel agent leaves a run
 * that the next process ends as if nothing had happened. Each boundary is one real process that is really killed there.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqliteRuns } from 'holdfast/sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ModelServer } from '../../examples/travel/model-server.ts'
import { startModelServer } from '../../examples/travel/model-server.ts'
import { withBookings } from '../../examples/travel/tools/bookings.ts'

const CHILD = join(import.meta.dirname, 'travel-child.ts')
const PROMPT =
  'Book me the cheapest flight from London Heathrow to Tokyo Narita on 3 May 2027, at most 700 EUR, for Ada Lovelace.'

interface Told {
  readonly points: string[]
  readonly waits: string[]
  /** Executions that were recorded, and those whose work was started. */
  readonly recorded: string[]
  readonly started: string[]
  result?: unknown
}

type ChildMessage =
  | { readonly type: 'point'; readonly id: number; readonly name: string }
  | { readonly type: 'fact'; readonly what: string; readonly step: string }
  | { readonly type: 'wait'; readonly waitId: string }
  | { readonly type: 'result'; readonly result: unknown }

let server: ModelServer
let root: string

beforeAll(async () => {
  server = await startModelServer()
  root = mkdtempSync(join(tmpdir(), 'holdfast-kill-'))
})

afterAll(async () => {
  await server.close()
  rmSync(root, { recursive: true })
})

/** One process, to its end: its own, or at the point. The `occurrence`th time that the point is reached counts. */
async function runProcess(
  dir: string,
  killAt?: { readonly name: string; readonly occurrence: number },
  hold = false,
): Promise<Told> {
  const told: Told = { points: [], waits: [], recorded: [], started: [] }
  const holds = killAt !== undefined || hold
  const child = fork(CHILD, {
    execArgv: ['--conditions=holdfast-source'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: {
      ...process.env,
      DIR: dir,
      RUN: 'trip-1',
      MODEL_URL: server.url,
      PROMPT,
      ...(holds && { HOLD: '1' }),
    },
  })
  let seen = 0
  child.on('message', (message: ChildMessage) => {
    switch (message.type) {
      case 'point': {
        told.points.push(message.name)
        if (killAt?.name === message.name && ++seen === killAt.occurrence) child.kill('SIGKILL')
        if (child.killed) break
        child.send({ go: message.id })
        // Not before: nobody would wait any more, and the point would not be reached.
        const [step = '', boundary] = message.name.split(' ')
        if (boundary === 'while-waiting') void approve(dir, step)
        break
      }
      case 'fact':
        if (message.what === 'recorded') told.recorded.push(message.step)
        if (message.what === 'started') told.started.push(message.step)
        break
      case 'wait':
        told.waits.push(message.waitId)
        if (!holds) void approve(dir, message.waitId)
        break
      case 'result':
        told.result = message.result
    }
  })
  await once(child, 'close')
  return told
}

/** Whoever approves does not know of crashes: answered once, it stays answered. */
async function approve(dir: string, waitId: string): Promise<void> {
  const runs = sqliteRuns({ path: join(dir, 'runs.db'), agents: [] })
  await runs
    .get('trip-1')
    .respond(waitId, { approved: true })
    .catch((error: { readonly code?: string }) => {
      // Of a process that took the run up this hears once more; by then it is answered, or the run has ended with it.
      if (error.code !== 'WAIT_ANSWERED' && error.code !== 'WAIT_NOT_FOUND') throw error
    })
}

async function bookings(dir: string): Promise<readonly [number, number]> {
  return withBookings(join(dir, 'bookings.db'), (system) => [system.bookings().length, system.attempts()] as const)
}

function newDir(): string {
  return mkdtempSync(join(root, 'run-'))
}

test('killed at every boundary of every step, the run ends as if nothing had happened', {
  timeout: 170_000,
}, async () => {
  const whole = newDir()
  const expected = await runProcess(whole, undefined, true)
  expect(expected.result).toMatchObject({ status: 'completed', turns: 4 })
  expect(await bookings(whole)).toEqual([1, 1])
  expect(expected.waits).toEqual(['3/tool/0/bookFlight/approval'])
  const kinds = new Set(expected.points.map((name) => name.split(' ')[1]))
  expect([...kinds].sort()).toEqual([
    'after-effect',
    'after-record',
    'before-effect',
    'in-hook',
    'mid-stream',
    'while-waiting',
  ])
  const counts = new Map<string, number>()
  const points = expected.points.map((name) => {
    counts.set(name, (counts.get(name) ?? 0) + 1)
    return { name, occurrence: counts.get(name) as number }
  })

  const failures: string[] = []
  let killed = 0
  const crash = async (point: { readonly name: string; readonly occurrence: number }): Promise<void> => {
    const dir = newDir()
    const first = await runProcess(dir, point)
    if (first.result === undefined) killed++
    const second = await runProcess(dir)
    const where = `${point.name} (${point.occurrence})`
    const again = second.started.filter((step) => first.recorded.includes(step))
    const [booked, attempts] = await bookings(dir)
    const asked = new Set([...first.waits, ...second.waits])
    if (JSON.stringify(second.result) !== JSON.stringify(expected.result)) failures.push(`${where}: another result`)
    if (again.length > 0) failures.push(`${where}: ran again though recorded: ${again.join(', ')}`)
    if (booked !== 1 || attempts !== 1) failures.push(`${where}: ${booked} bookings by ${attempts} attempts`)
    if ([...asked].join() !== expected.waits.join())
      failures.push(`${where}: other approvals: ${[...asked].join(', ')}`)
    rmSync(dir, { recursive: true })
  }
  const queue = [...points]
  const lane = async (): Promise<void> => {
    for (let point = queue.shift(); point; point = queue.shift()) await crash(point)
  }
  await Promise.all([lane(), lane(), lane()])
  expect(failures).toEqual([])
  // A point that was not reached kills nobody, and would prove nothing.
  expect(killed).toBe(points.length)
  console.log(`${points.length} boundaries, ${killed} processes killed`)
})
