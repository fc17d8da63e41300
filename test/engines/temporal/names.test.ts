/** What a person sees of a run in Temporal's own tools: names, summaries, the memo, search attributes. */
import { defaultPayloadConverter } from '@temporalio/common'
import { agentTool } from 'holdfast'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { AGENT, MODEL, STATUS } from '../../../src/plugins/temporal/attributes.ts'
import { temporalRuns } from '../../../src/plugins/temporal/client.ts'
import { agentOf, call, calls, scriptedModel, text, toolOf } from '../../support/kit.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

const weather = agentOf([text('sunny')], { name: 'weather' })
const script = [calls(call('searchFlights'), call('weather', { prompt: 'Tokyo?' })), call('bookFlight'), text('booked')]
const travel = agentOf(scriptedModel(script), {
  name: 'travel',
  models: { careful: scriptedModel([text('no')]) },
  tools: [toolOf('searchFlights'), agentTool(weather), toolOf('bookFlight', { approval: true })],
})
const APPROVAL = '2/tool/0/bookFlight/approval'

let world: TemporalWorld
beforeAll(async () => {
  world = await temporalWorld()
  await world.work([travel])
})
afterAll(() => world.close())

const isWaiting = async (runId: string): Promise<void> => {
  await expect.poll(async () => (await world.runs.get(runId).status()).status, { timeout: 10_000 }).toBe('waiting')
}
const describeRun = (runId: string) => world.client.workflow.getHandle(runId).describe()

test("an activity is named after the agent and what it does, and has the step's id as its summary", async () => {
  const run = await world.runs.start(travel, 'Fly me to Tokyo', { runId: 'named' })
  await isWaiting('named')
  await run.respond(APPROVAL, { approved: true })
  await run.result()
  const { events } = await world.client.workflow.getHandle('named').fetchHistory()
  const names: Record<string, string | null | undefined> = {}
  for (const { activityTaskScheduledEventAttributes: scheduled, userMetadata } of events ?? []) {
    if (!scheduled) continue
    const summary = userMetadata?.summary
    names[summary ? defaultPayloadConverter.fromPayload<string>(summary) : ''] = scheduled.activityType?.name
  }
  expect(names).toEqual({
    '1/model': 'travel.model',
    '1/tool/0/searchFlights': 'travel.searchFlights',
    '1/agent/1/weather/1/model': 'weather.model',
    '2/model': 'travel.model',
    '2/tool/0/bookFlight': 'travel.bookFlight',
    '3/model': 'travel.model',
  })
  expect(await (await describeRun('named')).staticSummary()).toBe('travel')
})

test('the memo has the agent, its models and what the run does; without being asked, no search attribute is set', async () => {
  const run = await world.runs.start(travel, 'go', { runId: 'memo' })
  await isWaiting('memo')
  const waiting = await describeRun('memo')
  const said = { agent: 'travel', models: ['default', 'careful'] }
  expect(waiting.memo).toMatchObject({ holdfast: { ...said, status: 'waiting' } })
  const { typedSearchAttributes: set } = waiting
  expect([set.get(AGENT), set.get(MODEL), set.get(STATUS)]).toEqual([undefined, undefined, undefined])
  await run.cancel()
  await run.result()
  expect((await describeRun('memo')).memo).toMatchObject({ holdfast: { ...said, status: 'cancelled' } })
})

test('the search attributes have the same, where they are asked for', async () => {
  const runs = temporalRuns(world.client, { taskQueue: world.taskQueue, searchAttributes: true })
  const run = await runs.start(travel, 'go', { runId: 'attributes' })
  await isWaiting('attributes')
  const attributes = async () => {
    const { typedSearchAttributes: set } = await describeRun('attributes')
    return { agent: set.get(AGENT), models: set.get(MODEL), status: set.get(STATUS) }
  }
  const said = { agent: 'travel', models: ['default', 'careful'] }
  expect(await attributes()).toEqual({ ...said, status: 'waiting' })
  await run.respond(APPROVAL, { approved: true })
  await run.result()
  expect(await attributes()).toMatchObject(said)
  const cancelled = await runs.start(travel, 'go', { runId: 'attributes-cancelled' })
  await isWaiting('attributes-cancelled')
  await cancelled.cancel()
  await cancelled.result()
  expect((await describeRun('attributes-cancelled')).typedSearchAttributes.get(STATUS)).toBe('cancelled')
})
