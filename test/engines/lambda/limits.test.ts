/** What Lambda limits: bytes, operations, the time of an invocation. */
import { Agent, agentTool, tool } from 'holdfast'
import type { LambdaHandlerOptions } from 'holdfast/lambda'
import { folderStore, lambdaAgentHandler } from 'holdfast/lambda'
import { call, calls, scriptedModel, text } from 'holdfast/testing'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { worker } from './support/worker.ts'
import { answerAll, LambdaWorld } from './support/world.ts'

let world: LambdaWorld

beforeAll(async () => {
  world = await LambdaWorld.start()
})

afterAll(() => world.stop())

function serve(agent: Agent, options: LambdaHandlerOptions = {}): ReturnType<LambdaWorld['serve']> {
  const durable = { client: world.client }
  const { payloads, cancels } = options
  return world.serve(lambdaAgentHandler(agent, { ...options, durable }) as never, {
    ...(payloads && { payloads }),
    ...(cancels && { cancels }),
  })
}

/** For the test that runs. */
function shortInvocations(): void {
  const { timeout } = world.service
  world.service.timeout = 2_000
  onTestFinished(() => {
    world.service.timeout = timeout
  })
}

test('a record that is too large goes to the payload store, and comes back from it in the next invocation', async () => {
  const payloads = folderStore(`${world.folder}/payloads`)
  const large = 'x'.repeat(300_000)
  let times = 0
  const agent = new Agent({
    name: 'large',
    model: scriptedModel([call('give', {}), call('ask', {}), text('done')]),
    tools: [
      tool({
        name: 'give',
        input: { type: 'object' },
        execute() {
          times++
          return large
        },
      }),
      tool({ name: 'ask', input: { type: 'object' }, approval: true, execute: () => 'asked' }),
    ],
  })
  const { runs } = serve(agent, { payloads })
  const run = await runs.start(agent, 'go', { runId: 'large' })
  await answerAll(run, { '2/tool/0/ask/approval': { approved: true } })
  const { messages } = await run.result()
  expect(JSON.stringify(messages)).toContain(large)
  expect(times).toBe(1)
})

test('without a store a tool that ran says so, and anything else that is too large is an error with its size and step', async () => {
  let times = 0
  const model = scriptedModel([call('give', {}), text('x'.repeat(300_000))])
  const agent = new Agent({
    name: 'large',
    model,
    tools: [
      tool({
        name: 'give',
        input: { type: 'object' },
        execute() {
          times++
          return 'x'.repeat(300_000)
        },
      }),
    ],
  })
  const run = await serve(agent).runs.start(agent, 'go', { runId: 'too-large' })
  const failure = await run.result().catch((error: unknown) => error)
  expect(failure).toMatchObject({
    code: 'PAYLOAD_TOO_LARGE',
    kind: 'terminal',
    details: { step: '2/model', limit: 250_000 },
  })
  expect((failure as { details: { size: number } }).details.size).toBeGreaterThan(300_000)
  const told = JSON.stringify(model.calls.at(-1)?.prompt)
  expect(told).toMatch(/"ran":true/)
  expect(told).not.toContain('x'.repeat(2_000))
  expect(times).toBe(1)
})

test('before it has used the operations that an execution may have a run ends, and goes on in another with its messages', async () => {
  const agent = worker(() => 'worked', { turns: 100 })
  const { runs } = serve(agent, { operations: 80 })
  const run = await runs.start(agent, 'go', { runId: 'operations' })
  const result = await run.result()
  expect(result.status).toBe('limit')
  expect(result.reason).toMatch(/used 78 of the 80 operations.*messages/)
  expect((await run.status()).status).toBe('limit')
  // Between two turns: each call has its real result.
  expect(result.turns).toBe(38)
  expect(result.messages).toHaveLength(1 + 2 * 38)
  expect(JSON.stringify(result.messages.at(-1))).toContain('worked')
  const next = await runs.start(agent, [], { runId: 'operations-2', messages: result.messages })
  const later = await next.result()
  expect(later.status).toBe('limit')
  expect(later.messages.slice(0, result.messages.length)).toEqual(result.messages)
  const last = await runs.start(agent, [], { runId: 'operations-3', messages: later.messages })
  const { status, text: said, messages } = await last.result()
  expect({ status, said }).toEqual({ status: 'completed', said: 'done' })
  // One conversation: what was asked, a hundred turns with their results, the end.
  expect(messages.map(({ role }) => role)).toEqual([
    'user',
    ...Array(100).fill(['assistant', 'tool']).flat(),
    'assistant',
  ])
})

test('a turn of more steps than are left ends in the middle, with the results that it has', async () => {
  const agent = new Agent({
    name: 'wide',
    model: scriptedModel([calls(...Array.from({ length: 30 }, () => call('work', {}))), text('done')]),
    tools: [tool({ name: 'work', input: { type: 'object' }, execute: () => 'worked' })],
  })
  const { runs } = serve(agent, { operations: 20 })
  const { status, messages } = await (await runs.start(agent, 'go', { runId: 'wide' })).result()
  expect(status).toBe('limit')
  expect(messages).toHaveLength(3)
  expect(messages[2]?.content).toHaveLength(30)
})

test('a run that somebody cancels is cancelled, also at its limit; a sub-agent that reaches it ends the run', async () => {
  const cancelled = worker(() => 'worked', { turns: 100 }).on('AfterToolCall', ({ run }) => {
    if (run.turn === 36) run.info.cancel('enough')
  })
  const stopped = await serve(cancelled, { operations: 80 }).runs.start(cancelled, 'go', { runId: 'cancelled-first' })
  expect(await stopped.result()).toMatchObject({ status: 'cancelled', reason: 'enough' })
  const parent = new Agent({
    name: 'parent',
    model: scriptedModel([call('worker', { prompt: 'go' }), text('done')]),
    tools: [agentTool(worker(() => 'worked', { turns: 100 }))],
  })
  const run = await serve(parent, { operations: 80 }).runs.start(parent, 'go', { runId: 'below' })
  const { status, messages } = await run.result()
  expect(status).toBe('limit')
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool'])
})

test('the end of the time of an invocation stops what runs, which another invocation does anew', async () => {
  shortInvocations()
  const stopped: string[] = []
  let attempts = 0
  const agent = worker(({ signal }) => {
    if (++attempts > 1) return 'worked'
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        stopped.push('stopped')
        reject(signal.reason as Error)
      })
    })
  })
  const { runs } = serve(agent)
  const run = await runs.start(agent, 'go', { runId: 'late' })
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'done' })
  expect({ attempts, stopped }).toEqual({ attempts: 2, stopped: ['stopped'] })
})

test('a tool that runs once is not done anew: what became of it is asked', async () => {
  shortInvocations()
  let attempts = 0
  const agent = worker(
    () => {
      attempts++
      return new Promise(() => {})
    },
    { effect: 'once' },
  )
  const { runs } = serve(agent)
  const run = await runs.start(agent, 'go', { runId: 'once' })
  const unknown = '1/tool/0/work/unknown'
  expect(await answerAll(run, { [unknown]: { status: 'done', output: 'worked' } })).toEqual([unknown])
  expect((await run.result()).status).toBe('completed')
  expect(attempts).toBe(1)
})
