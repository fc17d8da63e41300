/** SIGKILL of the worker at every boundary of every step of the contract agent: the run ends as it would have. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunHandle, RunResult } from 'holdfast'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { temporalRuns } from '../../../src/plugins/temporal/client.ts'
import { createContractAgent } from '../../support/contract-agent.ts'
import { keepAlive, killChild, startChild } from './support/children.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

const BOOKING = '2/tool/0/bookFlight'
const APPROVAL = `${BOOKING}/approval`
const UNKNOWN = `${BOOKING}/unknown`
const INPUT = 'Fly me to Tokyo'
const STEPS = [
  '1/model',
  '1/tool/0/searchFlights',
  '1/tool/1/searchHotels',
  '1/tool/1/searchHotels#2',
  '1/agent/2/weather/1/model',
  '1/agent/2/weather/1/tool/0/forecast',
  '1/agent/2/weather/2/model',
  '2/model',
  BOOKING,
  '3/model',
]
const TEXT = 'Booked JL44-1; Hotel Okura; In Tokyo it is sunny.'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-temporal-kill-'))
let world: TemporalWorld
let next = 0

beforeAll(async () => {
  world = await temporalWorld({ heartbeatTimeout: 3_000 })
})

afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true })
})

function newEffects(): string {
  const file = join(folder, `effects-${next++}`)
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

/** Answers what the run asks until it has ended. */
async function answerAll(run: RunHandle, unknown: unknown): Promise<RunResult> {
  const asked = new Set<string>()
  const result = run.result()
  let ended = false
  void result
    .catch(() => {})
    .finally(() => {
      ended = true
    })
  while (!ended) {
    const { waits } = await run.status().catch(() => ({ waits: [] }))
    for (const { id } of waits) {
      if (asked.has(id)) continue
      await run.respond(id, id === APPROVAL ? { approved: true } : unknown).then(
        () => asked.add(id),
        () => {},
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  expect([...asked].filter((id) => id !== APPROVAL && id !== UNKNOWN)).toEqual([])
  return result
}

describe.concurrent('killed', () => {
  for (const step of STEPS) {
    for (const boundary of ['before-effect', 'after-effect']) {
      // The first try of the hotels fails, so there is nothing after it.
      if (boundary === 'after-effect' && step === '1/tool/1/searchHotels') continue
      test(`${boundary} ${step}`, async () => {
        const effects = newEffects()
        const taskQueue = `kill-${effects}`
        const worker = keepAlive({ taskQueue, effects, killAt: `${boundary} ${step}`, killMark: `${effects}-mark` })
        try {
          const runId = `${boundary} ${step}`
          const runs = temporalRuns(world.client, { taskQueue, heartbeatTimeout: 3_000, patience: 3_000 })
          const agent = createContractAgent({ effects })
          const run = await runs.start(agent, INPUT, { runId, workflow: 'contractWorkflow' })
          const found = boundary === 'before-effect' ? { status: 'not-done' } : { status: 'done', output: 'JL44-1' }
          const result = await answerAll(run, found)
          expect(worker.deaths()).toBe(1)
          expect(result).toMatchObject({ status: 'completed', text: TEXT, turns: 3 })
          expect(result.state.plugins).toEqual({ app: { tools: 3 } })
          expect(tools(effects)).toEqual(expectedTools(boundary === 'after-effect' ? step : ''))
        } finally {
          await worker.stop()
        }
      })
    }
  }
})

test('killed while a person is waited for: nothing runs again, and the answer is taken by another worker', async () => {
  const effects = newEffects()
  const { taskQueue, runs } = world
  const first = await startChild({ taskQueue, effects })
  const run = await runs.start(createContractAgent({ effects }), INPUT, {
    runId: 'waiting',
    workflow: 'contractWorkflow',
  })
  await expect.poll(async () => (await run.status()).status, { timeout: 20_000 }).toBe('waiting')
  await killChild(first)
  const before = tools(effects)
  await expect(run.respond(APPROVAL, { approved: true })).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' })
  const second = await startChild({ taskQueue, effects })
  try {
    await run.respond(APPROVAL, { approved: true }).catch((error: unknown) => {
      // The answer that nobody seemed to take was taken after all.
      expect(error).toMatchObject({ code: expect.stringMatching(/^WAIT_/) })
    })
    expect(await run.result()).toMatchObject({ status: 'completed', text: TEXT })
    expect(tools(effects)).toEqual({ ...before, bookFlight: 1 })
  } finally {
    await killChild(second)
  }
})

test('two workers, one killed in the middle of a step: the other goes on within 10 s', async () => {
  const effects = newEffects()
  const taskQueue = `two-${effects}`
  const runs = temporalRuns(world.client, { taskQueue, patience: 3_000 })
  const dying = { taskQueue, effects, killAt: 'before-effect 1/tool/0/searchFlights', killMark: `${effects}-mark` }
  const workers = await Promise.all([startChild(dying), startChild(dying)])
  try {
    const run = await runs.start(createContractAgent({ effects }), INPUT, {
      runId: 'two',
      workflow: 'contractWorkflow',
    })
    const dead = () => workers.filter(({ signalCode }) => signalCode === 'SIGKILL').length
    await expect.poll(dead, { timeout: 20_000, interval: 20 }).toBe(1)
    const killed = performance.now()
    const status = async () => (await run.status().catch(() => undefined))?.status
    await expect.poll(status, { timeout: 20_000 }).toBe('waiting')
    const took = performance.now() - killed
    console.log(`taken over after ${(took / 1000).toFixed(1)} s, with the default settings`)
    expect(took).toBeLessThan(10_000)
    await run.respond(APPROVAL, { approved: true })
    expect(await run.result()).toMatchObject({ status: 'completed', text: TEXT })
  } finally {
    await Promise.all(workers.map(killChild))
  }
})
