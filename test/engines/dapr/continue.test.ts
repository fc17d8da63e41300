/** Runs that go on as a new execution of their workflow: nothing of them is lost, and nothing is done twice. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunHandle, StreamChunk } from 'holdfast'
import { Agent, memoryStreams, tool, withInput } from 'holdfast'
import { call, scriptedModel, text } from 'holdfast/testing'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Supervisor } from '../../../src/plugins/dapr/index.ts'
import { createContractAgent } from '../../support/contract-agent.ts'
import { answerAll, expectTrip, INPUT, newEffects, untilWaiting } from './support/trip.ts'
import type { AppWorld, DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

const ANY = { type: 'object' } as const
const TURNS = 24
const folder = mkdtempSync(join(tmpdir(), 'holdfast-dapr-continue-'))
const streams = memoryStreams()

let world: DaprWorld
let app: AppWorld
/** By run and turn. */
const worked = new Map<string, number>()
let listen: (runId: string, turn: number) => void = () => {}

/** Works in each turn but the last; in one it asks for leave to. */
function worker(options: { readonly asks?: number; readonly input?: object } = {}): Agent {
  const { asks, input = {} } = options
  const work = (name: string, more: object = {}) =>
    tool({
      name,
      input: ANY,
      execute: (_, { runId, stepId }) => {
        const turn = Number(stepId.split('/')[0])
        const key = `${runId} ${turn}`
        worked.set(key, (worked.get(key) ?? 0) + 1)
        listen(runId, turn)
        return `worked ${turn}`
      },
      ...more,
    })
  return new Agent({
    name: 'worker',
    model: scriptedModel(
      (_, turn) => (turn === TURNS ? text('The end.') : call(turn === asks ? 'pay' : 'work', input)),
      { pieces: 2 },
    ),
    tools: [work('work'), work('pay', { approval: true })],
  }).on('AfterToolCall', ({ run }) => {
    run.state = { count: ((run.state as { count: number } | undefined)?.count ?? 0) + 1 }
  })
}

beforeAll(async () => {
  world = await daprWorld()
  app = await world.app({ continueAfter: 4, streams })
})

afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true })
})

const supervisors: Supervisor[] = []

afterEach(async () => {
  await Promise.all(supervisors.splice(0).map((supervisor) => supervisor.stop()))
})

/** A worker, until it is stopped or the test ends. */
function work(agent: Agent): Supervisor {
  const supervisor = app.work([agent], { streams })
  supervisors.push(supervisor)
  return supervisor
}

async function executionsOf(runId: string): Promise<number> {
  const state = await app.workflows.getWorkflowState(runId, true)
  const { past = [] } = JSON.parse(state?.serializedInput ?? '{}') as { past?: number[] }
  return past.length + 1
}

function expectAll(runId: string, turns = TURNS - 1): void {
  for (let turn = 1; turn <= turns; turn++) expect(`${turn}: ${worked.get(`${runId} ${turn}`)}`).toBe(`${turn}: 1`)
}

async function textsOf(run: RunHandle, ends: number): Promise<Map<string, string>> {
  const texts = new Map<string, string>()
  let ended = 0
  for await (const chunk of run.events() as AsyncIterable<StreamChunk>) {
    expect(chunk.type).not.toBe('superseded')
    if (chunk.type === 'text') texts.set(chunk.stepId, (texts.get(chunk.stepId) ?? '') + chunk.delta)
    if (chunk.type === 'end' && chunk.stepId.endsWith('/model') && ++ended === ends) break
  }
  return texts
}

describe('a run that goes on as a new execution', () => {
  test('gives what it would have given, and says it once', async () => {
    work(worker())
    const run = await app.runs.start(worker(), 'go', { runId: 'plain' })
    const [result, texts] = await Promise.all([run.result(), textsOf(run, TURNS)])
    expect(result).toMatchObject({ status: 'completed', text: 'The end.', turns: TURNS })
    expect(result.state.plugins).toEqual({ app: { count: TURNS - 1 } })
    expect(texts.get(`${TURNS}/model`)).toBe('The end.')
    expectAll('plain')
    expect(await executionsOf('plain')).toBeGreaterThan(5)
  })

  test('keeps what it waits for, and takes the answer, also where nobody works on it', async () => {
    const first = work(worker({ asks: 12 }))
    const run = await app.runs.start(worker({ asks: 12 }), 'go', { runId: 'waiting' })
    await untilWaiting(run)
    expect(await executionsOf('waiting')).toBeGreaterThan(2)
    await first.stop()
    await run.respond('12/tool/0/pay/approval', { approved: true })
    work(worker({ asks: 12 }))
    expect(await run.result()).toMatchObject({ status: 'completed', turns: TURNS })
    expectAll('waiting')
    await expect(run.respond('12/tool/0/pay/approval', { approved: true })).rejects.toMatchObject({
      code: 'WAIT_ANSWERED',
    })
  })

  test('is held where a deploy does something else than an earlier execution did, and goes on after a roll-back', async () => {
    const first = work(worker({ asks: 12 }))
    const run = await app.runs.start(worker({ asks: 12 }), 'go', { runId: 'diverged' })
    await untilWaiting(run)
    await first.stop()
    const other = worker({ asks: 12 }).on('BeforeToolCall', (event) => {
      event.step = withInput(event.step, { other: true } as never)
    })
    const deployed = work(other)
    await run.respond('12/tool/0/pay/approval', { approved: true })
    await expect.poll(async () => (await run.status()).error?.code, { timeout: 20_000 }).toBe('DIVERGED')
    expect((await run.status()).error?.message).toContain('1/tool/0/work')
    await deployed.stop()
    work(worker({ asks: 12 }))
    expect(await run.result()).toMatchObject({ status: 'completed', turns: TURNS })
    expectAll('diverged')
  })

  test('hears a cancel, whenever it comes', async () => {
    work(worker())
    const runs = new Map<string, RunHandle>()
    const cancels: Promise<void>[] = []
    listen = (runId, turn) => {
      if (runId === `cancel-${turn}`)
        cancels.push(runs.get(runId)?.cancel('enough') ?? Promise.reject(new Error(runId)))
    }
    // One for each turn of two executions: some come while the run goes on as a new one.
    for (const turn of [3, 4, 5, 6, 7, 8, 9, 10]) {
      const runId = `cancel-${turn}`
      runs.set(runId, app.runs.get(runId))
      await app.runs.start(worker(), 'go', { runId })
    }
    const results = await Promise.all([...runs.values()].map((run) => run.result()))
    await Promise.all(cancels)
    listen = () => {}
    for (const result of results) expect(result).toMatchObject({ status: 'cancelled', reason: 'enough' })
  })

  test('with parallel steps, a sub-agent, a wrapper and an approval', async () => {
    const effects = newEffects(join(folder, 'effects'))
    const agent = createContractAgent({ effects })
    work(agent)
    const run = await app.runs.start(agent, INPUT, { runId: 'trip' })
    expectTrip(await answerAll(run), effects)
    expect(await executionsOf('trip')).toBeGreaterThan(1)
  })
})
