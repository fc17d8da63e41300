import assert from 'node:assert/strict'
import { afterEach, beforeEach, mock, test } from 'node:test'
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
afterEach(() => {
  mock.timers.reset()
  return backend.stop()
})

const agent = () => refundAgent(async () => {})
const code = (expected: string) => (error: unknown) => isHoldfastError(error) && error.code === expected
const APPROVAL = '2/tool/0/refund/approval'

/** A worker does all that there is to do now. */
async function work(worked: Agent = agent()): Promise<void> {
  const { spec, fn } = agentWorkflow(worked, backend)
  const client = new OpenWorkflow({ backend })
  client.implementWorkflow(spec, fn)
  const worker = client.newWorker()
  // `stop` waits for the runs that it has taken.
  while ((await worker.tick()) > 0) await worker.stop()
}

/** And then the run is in that state. */
async function workUntil(run: OpenworkflowRun, wanted: string, worked?: Agent): Promise<void> {
  await work(worked)
  assert.equal((await run.status()).status, wanted)
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

test('a cancel is heard, also of a run whose steps are all of the same millisecond', async () => {
  mock.timers.enable({ apis: ['Date'] })
  const runs = openworkflowRuns(backend)
  // Several: the engine lists such steps in any order, so that the right one may be the first.
  const all = await Promise.all([1, 2, 3, 4, 5].map((n) => runs.start(agent(), 'go', { runId: `r${n}` })))
  await work()
  for (const run of all) await run.cancel()
  await work()
  for (const run of all) assert.equal((await run.status()).status, 'cancelled')
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
  mock.timers.enable({ apis: ['Date'], now: Date.now() })
  await workUntil(run, 'blocked', make(false))
  assert.equal((await run.status()).error?.code, 'TOOL_UNKNOWN')
  // When the engine tries it again.
  mock.timers.tick(1_000)
  await workUntil(run, 'completed', make(true))
  assert.equal((await run.result()).text, 'done')
})
