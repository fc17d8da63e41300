/** A run that can't go on for now goes on by itself: nobody has to look at it. */
import { Agent, tool } from 'holdfast'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readerModel } from '../../support/reader-model.ts'
import type { DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

let world: DaprWorld

beforeAll(async () => {
  world = await daprWorld()
})

afterAll(() => world.close())

test('no worker has the agent for a while: the run goes on when one has', async () => {
  const done = Promise.withResolvers<void>()
  const agent = (name: string): Agent =>
    new Agent({
      name,
      model: readerModel([[{ tool: 'work', input: {} }], () => 'the end']),
      tools: [tool({ name: 'work', input: { type: 'object' }, execute: () => done.resolve() })],
    })
  const app = await world.app()
  const first = app.work([agent('other')])
  const run = await app.runs.start(agent('late'), 'go', { runId: 'late' })
  await expect.poll(async () => (await run.status()).status, { timeout: 10_000 }).toBe('blocked')
  await first.stop()
  app.work([agent('late')])
  await done.promise
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'the end' })
})
