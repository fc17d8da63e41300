/** What Lambda limits: bytes, operations, the time of an invocation; and what a warm process may not do. */
import { Agent, agentTool, isHoldfastError, tool } from 'holdfast'
import type { ToolContext } from 'holdfast'
import type { LambdaHandlerOptions } from 'holdfast/lambda'
import { folderStore, lambdaAgentHandler, lambdaDurabilityPlugin } from 'holdfast/lambda'
import { withDurableExecution } from '@aws/durable-execution-sdk-js'
import { call, calls, scriptedModel, text } from 'holdfast/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { answerAll, LambdaWorld } from './support/world.ts'

let world: LambdaWorld

beforeAll(async () => {
  world = await LambdaWorld.start()
})

afterAll(() => world.stop())

interface WorkOptions {
  readonly effect?: 'once'
  readonly approval?: true
  readonly turns?: number
}

function worker(work: (context: ToolContext) => unknown, { turns = 1, ...options }: WorkOptions = {}): Agent {
  return new Agent({
    name: 'worker',
    model: scriptedModel((_, turn) => (turn <= turns ? call('work', {}) : text('done'))),
    tools: [tool({ name: 'work', input: { type: 'object' }, execute: (_, context) => work(context), ...options })],
    limits: { turns: 200 },
  })
}

function serve(agent: Agent, options: LambdaHandlerOptions = {}): ReturnType<LambdaWorld['serve']> {
  const durable = { client: world.client }
  const { payloads, cancels } = options
  return world.serve(lambdaAgentHandler(agent, { ...options, durable }) as never, {
    ...(payloads && { payloads }),
    ...(cancels && { cancels }),
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
  world.service.timeout = 2_000
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
  world.service.timeout = 900_000
})

test('a tool that runs once is not done anew: what became of it is asked', async () => {
  world.service.timeout = 2_000
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
  world.service.timeout = 900_000
})

test('in a warm process the continuation of an invocation that suspended does nothing any more', async () => {
  const heard: string[] = []
  const agent = worker(() => 'worked', { approval: true })
    .on('AfterWait', () => void heard.push('wait'))
    .on('AfterToolCall', () => void heard.push('tool'))
    .on('AfterInvocation', () => void heard.push('end'))
  const told: string[] = []
  const { runs } = serve(agent, { notify: ({ waitId }) => void told.push(waitId) })
  const ids = ['warm-1', 'warm-2', 'warm-3']
  const started = await Promise.all(ids.map((runId) => runs.start(agent, 'go', { runId })))
  const waitId = '1/tool/0/work/approval'
  for (const run of started) await answerAll(run, { [waitId]: { approved: true } })
  expect(heard.sort()).toEqual(['end', 'end', 'end', 'tool', 'tool', 'tool', 'wait', 'wait', 'wait'])
  expect(told).toEqual([waitId, waitId, waitId])
})

test('without a store a run that works cannot be cancelled, one that waits can', async () => {
  let go = (): void => {}
  const working = new Promise<void>((resolve) => {
    go = resolve
  })
  const agent = worker(() => working, { approval: true })
  const { runs } = serve(agent)
  const run = await runs.start(agent, 'go', { runId: 'cancels' })
  while ((await run.status()).status !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 10))
  await run.cancel('enough')
  expect(await run.result()).toMatchObject({ status: 'cancelled', reason: 'enough' })
  const other = await runs.start(agent, 'go', { runId: 'works' })
  await answerAllOf(other)
  const refused = await other.cancel().catch((error: unknown) => error)
  expect(isHoldfastError(refused, 'UNSUPPORTED')).toBe(true)
  go()
  expect((await other.result()).status).toBe('completed')
})

async function answerAllOf(run: {
  status(): Promise<{ status: string }>
  respond(id: string, answer: unknown): Promise<void>
}): Promise<void> {
  while ((await run.status()).status !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 10))
  await run.respond('1/tool/0/work/approval', { approved: true })
}

test('a durable handler of your own gives its context to the plugin, beside steps of its own', async () => {
  const agent = worker(() => 'worked')
  const handler = withDurableExecution<{ go: string }, unknown>(
    async ({ go }, context) => {
      const before = await context.step('before', async () => 'before')
      const { runId, text: said } = await agent.run(go, { plugins: [lambdaDurabilityPlugin(context)] })
      return { before, runId: runId.length > 0, said, after: await context.step('after', async () => 'after') }
    },
    { client: world.client },
  )
  const { name } = world.serve(handler as never)
  const result = await world.execute(name, 'own', { go: 'go' })
  expect(result).toEqual({ before: 'before', runId: true, said: 'done', after: 'after' })
})

test('a run that fails says how, with its code; outside of a handler there is no context', async () => {
  const agent = new Agent({ name: 'worker', model: scriptedModel([]), tools: [] }).on('BeforeInvocation', () => {
    throw new Error('no')
  })
  const { runs } = serve(agent)
  const run = await runs.start(agent, 'go', { runId: 'fails' })
  const failure = await run.result().catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'HOOK_FAILED', details: { plugin: 'app', hook: 'BeforeInvocation' } })
  expect(await run.status()).toMatchObject({ status: 'failed', error: { code: 'HOOK_FAILED' } })
  const outside = new Agent({ name: 'outside', model: scriptedModel([text('x')]) }).use(lambdaDurabilityPlugin())
  const refused = await outside.run('go').catch((error: unknown) => error)
  expect(isHoldfastError(refused, 'NO_ENGINE_CONTEXT')).toBe(true)
})

test('runs are listed, and one that is deleted is stopped', async () => {
  const agent = worker(() => 'worked', { approval: true })
  const { runs } = serve(agent)
  await runs.start(agent, 'go', { runId: 'a/1' })
  const run = runs.get('a/1')
  while ((await run.status()).status !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 10))
  const listed = []
  for await (const { runId, agent: name, status } of runs.list()) listed.push({ runId, name, status })
  expect(listed).toEqual([{ runId: 'a/1', name: 'worker', status: 'waiting' }])
  await runs.delete('a/1')
  expect((await run.status()).status).toBe('cancelled')
  const unknown = await runs
    .get('b')
    .status()
    .catch((error: unknown) => error)
  expect(isHoldfastError(unknown, 'RUN_NOT_FOUND')).toBe(true)
})

test('a deploy that asks for other steps holds the run, which goes on after a roll-back', async () => {
  let isDeployed = false
  const deploy = (): Agent => {
    const agent = worker(() => 'worked', { approval: true })
    if (!isDeployed) return agent
    return agent.use({
      name: 'extra',
      tasks: { look: () => 'looked' },
      hooks: {
        async BeforeToolCall({ task }) {
          await task('look')
        },
      },
    })
  }
  let invocations = 0
  const handler = lambdaAgentHandler(
    () => {
      invocations++
      return deploy()
    },
    { durable: { client: world.client } },
  )
  const failures: unknown[] = []
  const { runs } = world.serve((event, context) =>
    handler(event as never, context).catch((error: unknown) => {
      failures.push(error)
      throw error
    }),
  )
  const run = await runs.start(deploy(), 'go', { runId: 'diverges' })
  const waitId = '1/tool/0/work/approval'
  while ((await run.status()).status !== 'waiting') await new Promise((resolve) => setTimeout(resolve, 10))
  isDeployed = true
  const before = invocations
  await run.respond(waitId, { approved: true })
  // More often than the service invokes what fails.
  while (invocations < before + 20) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(await run.status()).toMatchObject({ status: 'blocked', error: { code: 'DIVERGED' } })
  expect(failures).toEqual([])
  isDeployed = false
  expect((await run.result()).status).toBe('completed')
  expect(await run.status()).toEqual({ runId: 'diverges', agent: 'worker', status: 'completed', waits: [] })
})

test('a tool that is not in the deploy holds the run until one has it', async () => {
  let isDeployed = false
  let attempts = 0
  const deploy = (): Agent => {
    const whole = worker(() => ++attempts, { effect: 'once' })
    if (isDeployed) return whole
    // As a worker that lacks it: the run was started by one that has it.
    return new Agent({ ...whole.describe(), version: 1 })
  }
  const { runs } = world.serve(lambdaAgentHandler(() => deploy(), { durable: { client: world.client } }) as never)
  const run = await runs.start(deploy(), 'go', { runId: 'lacks' })
  while ((await run.status()).status !== 'blocked') await new Promise((resolve) => setTimeout(resolve, 10))
  isDeployed = true
  expect((await run.result()).status).toBe('completed')
  expect(attempts).toBe(1)
})
