import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { Agent, isHoldfastError, tool } from 'holdfast'
import { call, scriptedModel, text } from 'holdfast/testing'
import { OpenWorkflow } from 'openworkflow'
import type { Backend } from 'openworkflow/internal'
import { refundAgent } from '../agent.ts'
import { connectBackend } from '../backend.ts'
import { agentWorkflow, openworkflowDurabilityPlugin } from '../openworkflow-plugin.ts'
import { type OpenworkflowRun, openworkflowRuns } from '../openworkflow-runs.ts'

let backend: Backend
beforeEach(() => {
  backend = connectBackend(':memory:')
})
afterEach(() => backend.stop())

const agent = () => refundAgent(async () => {})
const code = (expected: string) => (error: unknown) => isHoldfastError(error) && error.code === expected
const APPROVAL = '2/tool/0/refund/approval'

/** Work until the run is in that state. */
async function workUntil(run: OpenworkflowRun, wanted: string, worked: Agent = agent()): Promise<void> {
  const { spec, fn } = agentWorkflow(worked, backend)
  const client = new OpenWorkflow({ backend })
  client.implementWorkflow(spec, fn)
  const worker = client.newWorker()
  while ((await run.status()).status !== wanted) {
    await worker.tick()
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('outside of a workflow nothing runs', async () => {
  await assert.rejects(agent().run('go'), code('NO_ENGINE_CONTEXT'))
})

test('a run waits for a person, is answered once, and has a result', async () => {
  const run = await openworkflowRuns(backend).start(agent(), 'go', { runId: 'r' })
  assert.deepEqual(await run.status(), { runId: 'r', agent: 'refund', status: 'running', waits: [] })
  await assert.rejects(run.respond(APPROVAL, { approved: true }), code('WAIT_NOT_FOUND'))
  await workUntil(run, 'waiting')
  assert.deepEqual(
    (await run.status()).waits.map(({ id }) => id),
    [APPROVAL],
  )
  await assert.rejects(run.respond(APPROVAL, { yes: true }), code('ANSWER_INVALID'))
  await run.respond(APPROVAL, { approved: true })
  await assert.rejects(run.respond(APPROVAL, { approved: false }), code('WAIT_ANSWERED'))
  await workUntil(run, 'completed')
  assert.equal((await run.result()).text, 'Order A-17 is refunded, and the customer knows.')
  await run.cancel()
  assert.equal((await run.status()).status, 'completed')
})

test('a run is known by its id, whoever starts it again', async () => {
  const runs = openworkflowRuns(backend)
  await runs.start(agent(), 'go', { runId: 'r' })
  await runs.start(agent(), 'go', { runId: 'r' })
  assert.equal((await backend.listWorkflowRuns({})).data.length, 1)
  await assert.rejects(runs.start(agent(), 'something else', { runId: 'r' }), code('RUN_CONFLICT'))
  await assert.rejects(runs.get('other').status(), code('RUN_NOT_FOUND'))
})

test('a run that waits is cancelled: the engine is woken, and its result says why', async () => {
  const run = await openworkflowRuns(backend).start(agent(), 'go', { runId: 'r' })
  await workUntil(run, 'waiting')
  await run.cancel('too late')
  await workUntil(run, 'cancelled')
  assert.deepEqual([(await run.result()).status, (await run.result()).reason], ['cancelled', 'too late'])
})

test('a run that has not begun is cancelled, and has no result', async () => {
  const run = await openworkflowRuns(backend).start(agent(), 'go', { runId: 'r' })
  await run.cancel()
  assert.equal((await run.status()).status, 'cancelled')
  await assert.rejects(run.result(), code('CANCELLED'))
})

test('a run that failed fails for the engine, too, and its error is what it was', async () => {
  const model = scriptedModel([])
  const failing = new Agent({ name: 'failing', model }).use(openworkflowDurabilityPlugin())
  failing.on('BeforeModelCall', () => {
    throw new Error('no')
  })
  const run = await openworkflowRuns(backend).start(failing, 'go', { runId: 'r' })
  await workUntil(run, 'failed', failing)
  assert.equal((await backend.listWorkflowRuns({ status: 'failed' })).data.length, 1)
  await assert.rejects(run.result(), {
    code: 'HOOK_FAILED',
    details: { plugin: 'app', hook: 'BeforeModelCall' },
  })
})

test('a worker that lacks a tool holds the run; one that has it goes on', async () => {
  const make = (isWhole: boolean) => {
    const execute = { execute: () => 'worked' }
    const work = tool({ name: 'work', input: { type: 'object' }, ...(isWhole && execute) })
    return new Agent({ name: 'lacking', model: scriptedModel([call('work'), text('done')]), tools: [work] }).use(
      openworkflowDurabilityPlugin(),
    )
  }
  const run = await openworkflowRuns(backend).start(make(true), 'go', { runId: 'r' })
  await workUntil(run, 'blocked', make(false))
  assert.equal((await run.status()).error?.code, 'TOOL_UNKNOWN')
  await workUntil(run, 'completed', make(true))
  assert.equal((await run.result()).text, 'done')
})
