/** Runs and their handler: waits in a warm process, cancels, failures, lists, deploys. */
import { withDurableExecution } from '@aws/durable-execution-sdk-js'
import { Agent, isHoldfastError } from 'holdfast'
import type { LambdaHandlerOptions } from 'holdfast/lambda'
import { lambdaAgentHandler, lambdaDurabilityPlugin } from 'holdfast/lambda'
import { scriptedModel, text } from 'holdfast/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { worker } from './support/worker.ts'
import { answerAll, LambdaWorld } from './support/world.ts'

let world: LambdaWorld

beforeAll(async () => {
  world = await LambdaWorld.start()
})

afterAll(() => world.stop())

function serve(agent: Agent, options: LambdaHandlerOptions = {}): ReturnType<LambdaWorld['serve']> {
  return world.serve(lambdaAgentHandler(agent, { ...options, durable: { client: world.client } }) as never)
}

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
