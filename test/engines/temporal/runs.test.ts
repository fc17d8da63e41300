/** `temporalRuns`: start, answer, look at, cancel, list, delete; and what is refused. */
import { memoryStreams } from 'holdfast'
import type { AgentEvent, StreamChunk } from 'holdfast'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporalDurabilityPlugin } from '../../../src/plugins/temporal/index.ts'
import { temporalRuns } from '../../../src/plugins/temporal/client.ts'
import { agentOf, call, calls, scriptedModel, text, toolOf } from '../../support/kit.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

const script = [calls(text('Let me see. '), call('ask')), text('done')]
const events: AgentEvent[] = []
const streams = memoryStreams()

const plain = agentOf([call('note'), text('done')], { name: 'plain', tools: [toolOf('note')] })
const asking = agentOf(script, { name: 'asking', tools: [toolOf('ask', { approval: true })] })
const impatient = agentOf(script, {
  name: 'impatient',
  tools: [toolOf('ask', { approval: true, approvalTimeout: '300ms' })],
})
const watched = agentOf(scriptedModel(script, { pieces: 3 }), { name: 'watched', tools: [toolOf('ask')] }).use({
  name: 'watcher',
  observe: (event) => {
    events.push(event)
  },
})

let world: TemporalWorld
beforeAll(async () => {
  world = await temporalWorld({ streams })
  await world.work([plain, asking, impatient, watched], { streams })
})
afterAll(() => world.close())

const WAIT = '1/tool/0/ask/approval'
const isWaiting = async (runId: string): Promise<void> => {
  await expect.poll(async () => (await world.runs.get(runId).status()).status, { timeout: 10_000 }).toBe('waiting')
}

test('answers are checked before they are recorded, and a wait is answered once', async () => {
  const run = await world.runs.start(asking, 'go', { runId: 'asking' })
  await isWaiting('asking')
  await expect(run.respond('2/tool/0/ask/approval', { approved: true })).rejects.toMatchObject({
    code: 'WAIT_NOT_FOUND',
  })
  await expect(run.respond(WAIT, { aproved: true })).rejects.toMatchObject({ code: 'ANSWER_INVALID' })
  const before = await world.client.workflow.getHandle('asking').describe()
  await expect(run.respond(WAIT, { approved: 'yes' })).rejects.toMatchObject({ code: 'ANSWER_INVALID' })
  await expect(run.respond(WAIT, () => {})).rejects.toMatchObject({ code: 'ANSWER_INVALID' })
  const after = await world.client.workflow.getHandle('asking').describe()
  expect(after.historyLength).toBe(before.historyLength)
  const both = [run.respond(WAIT, { approved: true }), run.respond(WAIT, { approved: false })]
  const [won, lost] = await Promise.allSettled(both)
  expect([won?.status, lost?.status].sort()).toEqual(['fulfilled', 'rejected'])
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'done' })
  await expect(run.respond(WAIT, { approved: true })).rejects.toMatchObject({ code: 'WAIT_NOT_FOUND' })
})

test('an approval that nobody gives in time counts as refused', async () => {
  const result = await (await world.runs.start(impatient, 'go', { runId: 'impatient' })).result()
  expect(result.messages[2]).toMatchObject({ content: [{ output: { type: 'denied' } }] })
})

test('a run that waits can be cancelled', async () => {
  const run = await world.runs.start(asking, 'go', { runId: 'cancelled' })
  await isWaiting('cancelled')
  await run.cancel('enough')
  expect(await run.result()).toMatchObject({ status: 'cancelled', reason: 'enough' })
})

test('the same run id is the same run; another input is refused', async () => {
  await (await world.runs.start(plain, 'go', { runId: 'same', context: { tenant: 'acme' } })).result()
  const again = await world.runs.start(plain, 'go', { runId: 'same', context: { tenant: 'acme' } })
  expect(await again.result()).toMatchObject({ status: 'completed' })
  await expect(world.runs.start(plain, 'stop', { runId: 'same' })).rejects.toMatchObject({ code: 'RUN_CONFLICT' })
})

test('runs are listed and deleted', async () => {
  await (await world.runs.start(plain, 'go', { runId: 'listed-1' })).result()
  await world.runs.start(asking, 'go', { runId: 'listed-2' })
  await isWaiting('listed-2')
  const list = async (filter: Parameters<typeof world.runs.list>[0]): Promise<string[]> => {
    const ids: string[] = []
    for await (const { runId } of world.runs.list(filter)) if (runId.startsWith('listed')) ids.push(runId)
    return ids
  }
  await expect.poll(() => list({ status: 'completed', agent: 'plain' })).toEqual(['listed-1'])
  await expect.poll(() => list({ status: 'waiting' })).toEqual(['listed-2'])
  for (const runId of ['listed-1', 'listed-2']) await world.runs.delete(runId)
  // The server deletes later.
  const known = () =>
    world.runs
      .get('listed-2')
      .status()
      .catch((error: { code?: string }) => error.code)
  await expect.poll(known, { timeout: 20_000 }).toBe('RUN_NOT_FOUND')
})

test('runs are found by their search attributes, where they are asked for', async () => {
  const runs = temporalRuns(world.client, { taskQueue: world.taskQueue, searchAttributes: true })
  await runs.start(asking, 'go', { runId: 'found' })
  await isWaiting('found')
  const query = `HoldfastAgent = "asking" AND HoldfastStatus = "waiting" AND HoldfastModel = "default"`
  const count = async () => (await world.client.workflow.count(query)).count
  await expect.poll(count, { timeout: 10_000 }).toBe(1)
  await runs.get('found').cancel()
  await expect.poll(count, { timeout: 10_000 }).toBe(0)
})

test('a run that nobody knows', async () => {
  const run = world.runs.get('nobody')
  const requests = [() => run.status(), () => run.result(), () => run.respond('x', {}), () => run.cancel()]
  for (const request of [...requests, () => world.runs.delete('nobody')]) {
    await expect(request()).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
  }
})

test('observers and streams are told what happens, once and in order', async () => {
  const run = await world.runs.start(watched, 'go', { runId: 'watched' })
  const chunks: StreamChunk[] = []
  for await (const chunk of run.events()) chunks.push(chunk)
  await run.result()
  expect(
    chunks
      .filter(({ type }) => type === 'text')
      .map((chunk) => ('delta' in chunk ? chunk.delta : ''))
      .join(''),
  ).toBe('Let me see. done')
  await expect.poll(() => events.at(-1)?.type).toBe('run-finished')
  expect(events.map(({ type }) => type)).toEqual([
    'run-started',
    'step-started',
    'message-added',
    ...['step-started', 'step-finished', 'message-added'],
    ...['step-started', 'step-finished', 'message-added'],
    ...['step-started', 'step-finished', 'message-added'],
    'step-finished',
    'run-finished',
  ])
  expect(new Set(events.map(({ id }) => id.seq)).size).toBe(events.length)
  expect(events.every(({ phase }) => phase === 'live')).toBe(true)
})

test('an agent with hooks is refused by the ready-made workflow, by the names of its plugins', async () => {
  const hooked = agentOf([text('done')], { name: 'hooked' })
    .use({ name: 'limiter', hooks: { BeforeModelCall: () => {} } })
    .on('AfterModelCall', () => {})
  const refused = world.runs.start(hooked, 'go', { runId: 'hooked' })
  await expect(refused).rejects.toMatchObject({
    code: 'UNSUPPORTED',
    message: expect.stringMatching("'limiter', 'app'"),
  })
})

test('a hook that throws fails the run at once', async () => {
  const run = await world.runs.start(plain, 'go', { runId: 'broken', workflow: 'brokenWorkflow' })
  await expect(run.result()).rejects.toMatchObject({
    code: 'HOOK_FAILED',
    message: expect.stringMatching('the hook is broken'),
  })
})

test('outside of a workflow the plugin says what to do', async () => {
  const agent = agentOf([text('done')]).use(temporalDurabilityPlugin())
  await expect(agent.run('go')).rejects.toMatchObject({ code: 'NO_ENGINE_CONTEXT' })
  await expect(agent.run('go', { runId: 'x' })).rejects.toMatchObject({ code: 'NO_ENGINE_CONTEXT' })
})

test('without a worker an answer is refused after the time that was given', async () => {
  const runs = temporalRuns(world.client, { taskQueue: 'nobody-there', patience: 500 })
  const run = await runs.start(asking, 'go', { runId: 'alone' })
  const started = Date.now()
  await expect(run.respond(WAIT, { approved: true })).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' })
  expect(Date.now() - started).toBeLessThan(3_000)
  await runs.delete('alone')
})
