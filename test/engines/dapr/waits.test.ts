/** Waits where the state store can't be asked for a moment. */
import type { DaprClient } from '@dapr/dapr'
import { Agent, tool } from 'holdfast'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { instanceId } from '../../../src/plugins/dapr/protocol.ts'
import { readerModel } from '../../support/reader-model.ts'
import { untilWaiting } from './support/trip.ts'
import type { AppWorld, DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

let world: DaprWorld
let app: AppWorld

beforeAll(async () => {
  world = await daprWorld()
  app = await world.app()
})

afterAll(() => world.close())

/** A client whose looks for answers fail so many times. */
function failing({ options, state }: DaprClient, times: number): { client: DaprClient; left: () => number } {
  let left = times
  const its = {
    get: (store: string, key: string) => {
      if (!key.startsWith('holdfast/answer/') || left === 0) return state.get(store, key)
      left--
      return Promise.reject(new Error('the store is away'))
    },
    getBulk: state.getBulk.bind(state),
    save: state.save.bind(state),
    delete: state.delete.bind(state),
  }
  return { client: { options, state: its } as unknown as DaprClient, left: () => left }
}

test('an answer is looked for again where the state store failed', { timeout: 30_000 }, async () => {
  const agent = new Agent({
    name: 'asking',
    model: readerModel([[{ tool: 'pay', input: {} }], 'paid']),
    tools: [tool({ name: 'pay', input: { type: 'object' }, approval: true, execute: () => 'done' })],
  })
  const { client, left } = failing(app.client, 2)
  app.work([agent], { client, workflows: app.workflows })
  const run = await app.runs.start(agent, 'go', { runId: 'asked' })
  await untilWaiting(run)
  await expect.poll(left, { timeout: 10_000 }).toBe(0)
  await run.respond('1/tool/0/pay/approval', { approved: true })
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'paid' })
})

test('the workflow of a run is not that of another one whose id was deleted', () => {
  expect(instanceId('a~1')).not.toBe(instanceId('a', 1))
})
