/** A run that goes on as a new workflow run: answers, cancels and readers do not see the seam. */
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'
import type { StreamChunk } from 'holdfast'
import { memoryStreams } from 'holdfast'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { STATUS } from '../../../src/plugins/temporal/attributes.ts'
import { agentOf, call, calls, deferred, scriptedModel, text, toolOf } from '../../support/kit.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

const streams = memoryStreams()
const did: string[] = []
const [working, aborted, read] = [deferred(), deferred(), deferred()]

const look = toolOf('look', { execute: (_, { stepId }) => void did.push(stepId) })
const pay = toolOf('pay', { approval: true, execute: (_, { stepId }) => void did.push(stepId) })
const work = toolOf('work', {
  execute: (_, { signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        aborted.resolve()
        reject(signal.reason)
      })
      working.resolve()
    }),
})
const hold = toolOf('hold', { execute: () => read.promise.then(() => 'held') })

const payer = agentOf([call('look'), call('pay'), call('pay'), text('done')], { name: 'payer', tools: [look, pay] })
const asked = agentOf([call('look'), call('look'), text('done')], { name: 'asked', tools: [look] })
const busy = agentOf([call('look'), call('work'), text('done')], { name: 'busy', tools: [look, work] })
const words = [calls(text('I look. '), call('hold')), calls(text('I look again. '), call('hold')), text('That is all.')]
const talker = agentOf(scriptedModel(words, { pieces: 4 }), { name: 'talker', tools: [hold] })

let world: TemporalWorld
beforeAll(async () => {
  const workflowsPath = fileURLToPath(new URL('./support/workflows-waiting.ts', import.meta.url))
  const workflowBundle = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') })
  // So few that each turn after the first begins with a hand-over.
  world = await temporalWorld({ continueAfter: 5, searchAttributes: true, streams })
  await world.work([payer, asked, busy, talker], { streams }, { workflowBundle })
})
afterAll(() => world.close())
beforeEach(() => {
  did.length = 0
})

/** The id that the server gave the workflow run which the run is in now. */
const workflowRun = async (runId: string): Promise<string> =>
  (await world.client.workflow.getHandle(runId).describe()).runId

async function isHandedOver(runId: string): Promise<boolean> {
  const described = await world.client.workflow.getHandle(runId).describe()
  return described.raw.workflowExecutionInfo?.firstRunId !== described.runId
}

async function waitsFor(runId: string, waitId: string): Promise<void> {
  const open = async () => (await world.runs.get(runId).status()).waits.map(({ id }) => id)
  await expect.poll(open, { timeout: 20_000 }).toEqual([waitId])
}

test('an answer reaches the workflow run that waits for it now, and one that was given before is known in it', async () => {
  const [first, second] = ['2/tool/0/pay/approval', '3/tool/0/pay/approval']
  const run = await world.runs.start(payer, 'go', { runId: 'handed-payer' })
  await waitsFor('handed-payer', first)
  const before = await workflowRun('handed-payer')
  await run.respond(first, { approved: true })
  await waitsFor('handed-payer', second)
  expect(await workflowRun('handed-payer')).not.toBe(before)
  const { typedSearchAttributes: attributes } = await world.client.workflow.getHandle('handed-payer').describe()
  expect(attributes.get(STATUS)).toBe('waiting')
  await expect(run.respond(first, { approved: false })).rejects.toMatchObject({ code: 'WAIT_ANSWERED' })
  await run.respond(second, { approved: true })
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'done', turns: 4 })
  expect(did).toEqual(['1/tool/0/look', '2/tool/0/pay', '3/tool/0/pay'])
})

test('what a hook asked right before the run is handed over is not asked again after it', async () => {
  const run = await world.runs.start(asked, 'go', { runId: 'handed-asked', workflow: 'askingWorkflow' })
  await waitsFor('handed-asked', '2/model/wait/app/go-on')
  const before = await workflowRun('handed-asked')
  await run.respond('2/model/wait/app/go-on', { ok: true })
  await waitsFor('handed-asked', '3/model/wait/app/go-on')
  expect(await workflowRun('handed-asked')).not.toBe(before)
  await run.respond('3/model/wait/app/go-on', { ok: true })
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'done' })
  expect(did).toEqual(['1/tool/0/look', '2/tool/0/look'])
})

test('a cancel after the hand-over reaches the running tool', async () => {
  const run = await world.runs.start(busy, 'go', { runId: 'handed-busy' })
  await working.promise
  expect(await isHandedOver('handed-busy')).toBe(true)
  await run.cancel('not wanted any more')
  await aborted.promise
  expect(await run.result()).toMatchObject({ status: 'cancelled', reason: 'not wanted any more' })
  expect(await run.status()).toMatchObject({ status: 'cancelled' })
})

test('a cancel right after the hand-over, before the new workflow run has done anything, keeps what was done', async () => {
  const run = await world.runs.start(payer, 'go', { runId: 'handed-at-once' })
  await expect.poll(() => isHandedOver('handed-at-once'), { interval: 10, timeout: 20_000 }).toBe(true)
  await run.cancel('at once')
  const result = await run.result()
  expect(result).toMatchObject({ status: 'cancelled', reason: 'at once' })
  expect(result.messages.slice(0, 3).map(({ role }) => role)).toEqual(['user', 'assistant', 'tool'])
  expect(did).toEqual(['1/tool/0/look'])
})

test("a cancel from Temporal's own side after the hand-over ends a run that waits", async () => {
  const run = await world.runs.start(payer, 'go', { runId: 'handed-cancelled' })
  await waitsFor('handed-cancelled', '2/tool/0/pay/approval')
  await world.client.workflow.getHandle('handed-cancelled').cancel()
  expect(await run.result()).toMatchObject({ status: 'cancelled' })
  expect(did).toEqual(['1/tool/0/look'])
})

test('a reader that began before the hand-over reads on until the run has ended, each word once', async () => {
  const run = await world.runs.start(talker, 'go', { runId: 'handed-talker' })
  const before = await workflowRun('handed-talker')
  const chunks: StreamChunk[] = []
  for await (const chunk of run.events()) {
    chunks.push(chunk)
    // The first turn goes on when the reader is there.
    read.resolve()
  }
  expect(await workflowRun('handed-talker')).not.toBe(before)
  const said = chunks.flatMap((chunk) => (chunk.type === 'text' ? [chunk.delta] : []))
  expect(said.join('')).toBe('I look. I look again. That is all.')
  expect(chunks.filter(({ type }) => type === 'superseded')).toEqual([])
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'That is all.' })
  // One that was away goes on where it was, over the seam.
  const at = chunks.findIndex(({ stepId }) => stepId === '2/model')
  const later: StreamChunk[] = []
  for await (const chunk of run.events({ from: chunks[at]?.cursor as string })) later.push(chunk)
  expect(later).toEqual(chunks.slice(at + 1))
})
