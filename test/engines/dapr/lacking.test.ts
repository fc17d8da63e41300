/** Workers that did not see a conversation: they say so, are given it by rows, and the run goes on at once. */
import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, tool } from 'holdfast'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { StepActivities } from '../../../src/plugins/dapr/activities.ts'
import { conversationsHere } from '../../../src/plugins/dapr/here.ts'
import type { StepReply } from '../../../src/plugins/dapr/protocol.ts'
import { createContractAgent } from '../../support/contract-agent.ts'
import { readerModel } from '../../support/reader-model.ts'
import { killChild, startChild } from './support/children.ts'
import { answerAll, INPUT, newEffects } from './support/trip.ts'
import type { AppWorld, DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

const TURNS = 12
const folder = mkdtempSync(join(tmpdir(), 'holdfast-dapr-lacking-'))

let world: DaprWorld
let app: AppWorld

beforeAll(async () => {
  world = await daprWorld()
  app = await world.app({ continueAfter: 6 })
})

afterEach(() => vi.restoreAllMocks())

afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true })
})

/** Reads the whole conversation to know what comes next. */
const talker = new Agent({
  name: 'talker',
  model: readerModel([...Array.from({ length: TURNS - 1 }, () => [{ tool: 'look', input: {} }]), 'The end.']),
  tools: [tool({ name: 'look', input: { type: 'object' }, execute: () => 'x'.repeat(1_000) })],
})

/** What activities say from now on: how many did nothing, and what was written. */
function watch() {
  const execute = vi.spyOn(StepActivities.prototype, 'execute')
  return {
    async lacked(): Promise<number> {
      const replies = await Promise.all(execute.mock.results.map(({ value }) => value as Promise<StepReply>))
      return replies.filter((reply) => 'lacking' in reply).length
    },
    calls: () => execute.mock.calls.map(([call]) => call),
  }
}

function messageRows(): number {
  const database = new DatabaseSync(app.daprd.database, { readOnly: true })
  const rows = database.prepare("SELECT value FROM state WHERE key LIKE '%holdfast/messages/%'").all()
  database.close()
  return rows.length
}

test('where workflow and steps are in one process no row is written', async () => {
  const { lacked } = watch()
  const supervisor = app.work([talker])
  const run = await app.runs.start(talker, 'go', { runId: 'here' })
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'The end.', turns: TURNS })
  expect(await lacked()).toBe(0)
  expect(messageRows()).toBe(0)
  await supervisor.stop()
})

test('a worker that did not see the conversation is given it once, and each later step is in a row', async () => {
  const { lacked, calls } = watch()
  // As if each step were executed elsewhere.
  vi.spyOn(conversationsHere, 'get').mockReturnValue(undefined)
  const supervisor = app.work([talker], { remember: 0 })
  const run = await app.runs.start(talker, 'go', { runId: 'elsewhere' })
  const result = await run.result()
  expect(result).toMatchObject({ status: 'completed', text: 'The end.', turns: TURNS })
  expect(await lacked()).toBe(1)
  expect(messageRows()).toBe(TURNS)
  // What was left out of a call is not in the history.
  const models = calls().filter(({ step }) => step.kind === 'model')
  expect(models.filter(({ held }) => held)).toHaveLength(1)
  await app.runs.delete('elsewhere')
  expect(messageRows()).toBe(0)
  await supervisor.stop()
})

test('two workers that take turns', async () => {
  const own = await world.app({ continueAfter: 4 })
  const effects = newEffects(join(folder, 'effects'))
  const children = await Promise.all([1, 2].map(() => startChild({ daprd: own.daprd, effects })))
  const agent = createContractAgent({ effects })
  const results = await Promise.all(
    Array.from({ length: 6 }, async (_, index) => answerAll(await own.runs.start(agent, INPUT, { runId: `${index}` }))),
  )
  for (const { status, turns, text } of results) {
    expect({ status, turns }).toEqual({ status: 'completed', turns: 3 })
    expect(text).toContain('In Tokyo it is sunny.')
  }
  await Promise.all(children.map(killChild))
})
