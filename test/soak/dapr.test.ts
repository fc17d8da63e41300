/** Dapr: 200 runs at once on one worker, without one that hangs. */
import { Agent, tool } from 'holdfast'
import { call, calls, scriptedModel, text } from 'holdfast/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AppWorld, DaprWorld } from '../engines/dapr/support/world.ts'
import { daprWorld } from '../engines/dapr/support/world.ts'

const RUNS = 200
const done = new Map<string, number>()
let world: DaprWorld
let app: AppWorld

const agent = new Agent({
  name: 'busy',
  model: scriptedModel((_, turn) => (turn < 4 ? calls(call('work'), call('work'), call('work')) : text('the end'))),
  tools: [
    tool({
      name: 'work',
      input: { type: 'object' },
      execute: (_, { idempotencyKey }) => {
        done.set(idempotencyKey, (done.get(idempotencyKey) ?? 0) + 1)
        return 'worked'
      },
    }),
  ],
})

beforeAll(async () => {
  world = await daprWorld()
  app = await world.app()
  app.work([agent])
}, 600_000)

afterAll(() => world.close())

test('200 runs at once', async () => {
  const ids = Array.from({ length: RUNS }, (_, index) => `busy-${index}`)
  const runs = await Promise.all(ids.map((runId) => app.runs.start(agent, 'go', { runId })))
  const results = await Promise.all(runs.map((run) => run.result()))
  expect(results.map(({ status }) => status)).toEqual(ids.map(() => 'completed'))
  expect(done.size).toBe(RUNS * 9)
  expect(Math.max(...done.values())).toBe(1)
})
