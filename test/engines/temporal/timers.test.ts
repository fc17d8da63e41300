/** What a hook sleeps is a timer of Temporal's. */
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { agentOf, call, text, toolOf } from '../../support/kit.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

const agent = agentOf([call('look'), text('done')], { name: 'sleeping', tools: [toolOf('look')] })

let world: TemporalWorld
beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('./support/workflows-waiting.ts', import.meta.url))
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') })
  world = await temporalWorld()
  await world.work([agent], {}, { workflowBundle })
})
afterAll(() => world.close())

test('a hook that sleeps waits by a timer of the server, before the step that it is for', async () => {
  const run = await world.runs.start(agent, 'go', { runId: 'sleeping', workflow: 'sleepingWorkflow' })
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'done' })
  const { events } = await world.client.workflow.getHandle('sleeping').fetchHistory()
  const seen = (events ?? []).flatMap((event) => {
    const { timerStartedEventAttributes: started, activityTaskScheduledEventAttributes: scheduled } = event
    if (started) return [`timer of ${Number(started.startToFireTimeout?.seconds)} s`]
    if (event.timerFiredEventAttributes) return ['fired']
    return scheduled ? [scheduled.activityType?.name] : []
  })
  expect(seen).toEqual(['sleeping.model', 'timer of 1 s', 'fired', 'sleeping.look', 'sleeping.model'])
})
