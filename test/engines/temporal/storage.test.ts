/** Payloads over the server's limit, with Temporal's ExternalStorage over a PayloadStore. */
import { memoryPayloads } from 'holdfast'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { payloadStorage } from '../../../src/plugins/temporal/worker.ts'
import { agentOf, call, scriptedModel, text, toolOf } from '../../support/kit.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

const LARGE = 2_500_000
const large = 'x'.repeat(LARGE)
const store = memoryPayloads()

let gave = 0
const giver = agentOf([call('give', { padding: large }), call('ask'), text('done')], {
  name: 'large',
  tools: [
    toolOf('give', { execute: (input) => `${(input as { padding: string }).padding.length} ${large}` }),
    toolOf('ask', { approval: true, execute: (input) => JSON.stringify(input).length }),
  ],
})
const carrier = agentOf(
  scriptedModel((_, turn) => (turn <= 15 ? call('give', { turn }) : text('done'))),
  {
    name: 'carrier',
    tools: [
      toolOf('give', {
        execute: () => {
          gave++
          return 'y'.repeat(240_000)
        },
      }),
    ],
  },
)

let world: TemporalWorld
beforeAll(async () => {
  world = await temporalWorld({ continueAfter: 60 }, { externalStorage: payloadStorage(store) })
  await world.work([giver, carrier])
})
afterAll(() => world.close())

async function bytesOf(runId: string): Promise<number> {
  const { raw } = await world.client.workflow.getHandle(runId).describe()
  return Number(raw.workflowExecutionInfo?.historySizeBytes)
}

test('inputs, outcomes, answers and results of any size, and little of them in the history', async () => {
  const run = await world.runs.start(giver, large, { runId: 'stored' })
  await expect.poll(async () => (await run.status()).status, { timeout: 20_000 }).toBe('waiting')
  await run.respond('2/tool/0/ask/approval', { approved: true, input: { padding: large } })
  const { status, messages } = await run.result()
  expect(status).toBe('completed')
  expect(messages[0]?.content).toMatchObject([{ text: large }])
  expect(messages[2]?.content).toMatchObject([{ output: { type: 'text', value: `${LARGE} ${large}` } }])
  expect(messages[4]?.content).toMatchObject([{ output: { value: LARGE + 14 } }])
  expect(await bytesOf('stored')).toBeLessThan(50_000)
})

test('a run goes on as a new workflow run with more records than a payload takes', async () => {
  const run = await world.runs.start(carrier, 'go', { runId: 'carrier' })
  expect(await run.result()).toMatchObject({ status: 'completed', turns: 16 })
  expect(gave).toBe(15)
  const workflowRuns: string[] = []
  const list = async (): Promise<number> => {
    workflowRuns.length = 0
    for await (const { runId, workflowId } of world.client.workflow.list())
      if (workflowId === 'carrier') workflowRuns.push(runId)
    return workflowRuns.length
  }
  await expect.poll(list, { timeout: 10_000 }).toBeGreaterThan(2)
})

test('without it an answer that is too large is refused with its size', async () => {
  const plain = await temporalWorld()
  const agent = agentOf([call('ask'), text('done')], { name: 'asking', tools: [toolOf('ask', { approval: true })] })
  await plain.work([agent])
  const run = await plain.runs.start(agent, 'go', { runId: 'not-stored' })
  await expect.poll(async () => (await run.status()).status, { timeout: 20_000 }).toBe('waiting')
  const answered = run.respond('1/tool/0/ask/approval', { approved: true, input: { padding: large } })
  await expect(answered).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE', details: { size: expect.any(Number) } })
  await run.respond('1/tool/0/ask/approval', { approved: true })
  expect(await run.result()).toMatchObject({ status: 'completed' })
  await plain.close()
})
