/** The contract, proved before any real engine: one agent, no engine and two of different kinds, equal results. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AgentPlugin, Json, RunResult } from 'holdfast'
import { isHoldfastError } from 'holdfast'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ByNameEngine } from './support/by-name-engine.ts'
import { createContractAgent } from './support/contract-agent.ts'
import { PositionalEngine } from './support/positional-engine.ts'

const WORKER = fileURLToPath(new URL('./support/contract-worker.ts', import.meta.url))
const APPROVAL = '2/tool/0/bookFlight/approval'
const RUN = { runId: 'trip-42' }
const INPUT = 'Fly me to Tokyo'

let folder: string
let effects: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-contract-'))
  effects = join(folder, 'effects')
  writeFileSync(effects, '')
})

afterEach(() => rmSync(folder, { recursive: true }))

const agent = () => createContractAgent({ effects })
const effectsDone = (): string[] => readFileSync(effects, 'utf8').split('\n').filter(Boolean).sort()

const EXPECTED_EFFECTS = [
  'bookFlight trip-42/2/tool/0/bookFlight',
  'forecast trip-42/1/agent/2/weather/1/tool/0/forecast',
  'searchFlights trip-42/1/tool/0/searchFlights',
  'searchHotels trip-42/1/tool/1/searchHotels #1',
  'searchHotels trip-42/1/tool/1/searchHotels #2',
]

/** What must be equal, whatever the engine. */
function essence({ status, text, messages, usage, turns, state }: RunResult): unknown {
  return { status, text, messages, usage, turns, plugins: state.plugins }
}

async function inMemory(): Promise<unknown> {
  const waiting = await agent().run(INPUT, RUN)
  expect(waiting.status).toBe('waiting')
  expect(waiting.waits.map(({ id }) => id)).toEqual([APPROVAL])
  const state = JSON.parse(JSON.stringify(waiting.state))
  const done = await agent().resume(state, { [APPROVAL]: { approved: true } })
  return essence(done)
}

/** One "process": a fresh agent with the engine's plugin. */
async function runWith(plugin: AgentPlugin): Promise<RunResult> {
  return agent().use(plugin).run(INPUT, RUN)
}

async function onEngine(engine: { plugin(): AgentPlugin; answers: Map<string, Json> }): Promise<unknown> {
  const waiting = await runWith(engine.plugin())
  expect(waiting.status).toBe('waiting')
  expect(waiting.waits.map(({ id }) => id)).toEqual([APPROVAL])
  engine.answers.set(APPROVAL, { approved: true })
  const done = await runWith(engine.plugin())
  const again = await runWith(engine.plugin())
  expect(essence(again)).toEqual(essence(done))
  return essence(done)
}

test('without an engine the run waits, and goes on from its state', async () => {
  const done = await inMemory()
  expect(done).toMatchObject({ status: 'completed', plugins: { app: { tools: 3 } } })
  expect(effectsDone()).toEqual(EXPECTED_EFFECTS)
})

test('a positional closure engine gives the same, and nothing is done twice', async () => {
  const expected = await inMemory()
  writeFileSync(effects, '')
  expect(await onEngine(new PositionalEngine())).toEqual(expected)
  expect(effectsDone()).toEqual(EXPECTED_EFFECTS)
})

test('an engine that executes by name in another process gives the same', async () => {
  const expected = await inMemory()
  writeFileSync(effects, '')
  process.env['EFFECTS'] = effects
  const engine = new ByNameEngine(WORKER)
  try {
    expect(await onEngine(engine)).toEqual(expected)
  } finally {
    await engine.stop()
  }
  expect(effectsDone()).toEqual(EXPECTED_EFFECTS)
})

test('without the scope, a retry wrapper around parallel steps takes the wrong place; the engine names it', async () => {
  const engine = new PositionalEngine({ scope: false })
  await runWith(engine.plugin()).catch(() => {})
  engine.answers.set(APPROVAL, { approved: true })
  const failure = await runWith(engine.plugin()).catch((error: unknown) => error)
  expect(isHoldfastError(failure, 'DIVERGED')).toBe(true)
})

test('the worker is killed in the middle of a step: the run goes on, the step runs again', async () => {
  process.env['EFFECTS'] = effects
  const engine = new ByNameEngine(WORKER)
  let kills = 0
  engine.onStarted = (step, worker) => {
    if (step === '1/tool/0/searchFlights' && kills++ === 0) worker.kill('SIGKILL')
  }
  try {
    expect(await onEngine(engine)).toMatchObject({ status: 'completed' })
  } finally {
    await engine.stop()
  }
  expect(kills).toBe(2)
  const counts = Map.groupBy(engine.dispatched, (step) => step)
  expect(counts.get('1/tool/0/searchFlights')).toHaveLength(2)
  expect(counts.get('2/tool/0/bookFlight')).toHaveLength(1)
})

test('the process dies at each point of the positional engine: the same result, finished steps once', async () => {
  const expected = await onEngine(new PositionalEngine())
  const points: string[] = []
  const counting = new PositionalEngine({ onOperation: (name, when) => void points.push(`${when} ${name}`) })
  await onEngine(counting)
  expect(points.length).toBeGreaterThan(20)
  for (const point of points) {
    writeFileSync(effects, '')
    const done = await crashAt(point)
    if (UNKNOWN_AFTER.includes(point)) {
      expect(done.status, point).toBe('waiting')
      expect(done.waits.map(({ id }) => id)).toEqual(['2/tool/0/bookFlight/unknown'])
    } else expect(essence(done), point).toEqual(expected)
    expect(effectsDone().filter((line) => line.startsWith('bookFlight')).length).toBeLessThanOrEqual(1)
  }
})

/** From the mark on, and until its outcome is recorded, nobody can know whether the booking was made. */
const UNKNOWN_AFTER = [
  'after-record 2/tool/0/bookFlight/started',
  'before-effect 2/tool/0/bookFlight',
  'after-effect 2/tool/0/bookFlight',
]

/** Run until the point is reached, leave the process behind there, and go on in another. */
async function crashAt(point: string): Promise<RunResult> {
  let reached: (() => void) | undefined
  const crashed = new Promise<void>((resolve) => {
    reached = resolve
  })
  let alive = true
  const engine = new PositionalEngine({
    onOperation: async (name, when) => {
      if (!alive || point !== `${when} ${name}`) return
      alive = false
      engine.crash()
      reached?.()
      await new Promise(() => {})
    },
  })
  engine.answers.set(APPROVAL, { approved: true })
  await Promise.race([crashed, runWith(engine.plugin())])
  return runWith(engine.plugin())
}
