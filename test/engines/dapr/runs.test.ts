/** Runs from outside: what starts, tells, answers, stops and forgets them; and what the engine does for a step. */
import { Agent, HoldfastError, tool } from 'holdfast'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AgentWorkflowInput } from '../../../src/plugins/dapr/index.ts'
import { daprDurabilityPlugin, daprRuns, daprWorkflow } from '../../../src/plugins/dapr/index.ts'
import { readerModel } from '../../support/reader-model.ts'
import type { AppWorld, DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

const ANY = { type: 'object' } as const

let world: DaprWorld
let app: AppWorld

const runs = (): AppWorld['runs'] => app.runs
const started = Promise.withResolvers<void>()
const attempts: number[] = []
let bookings = 0

const oneTool = (name: string, execute: Parameters<typeof tool>[0]['execute'], more: object = {}): Agent =>
  new Agent({
    name,
    model: readerModel([
      [{ tool: 'work', input: {} }],
      (results) => `it is ${JSON.stringify(results['work'])?.slice(0, 200)}`,
    ]),
    tools: [tool({ name: 'work', input: ANY, execute, ...more } as Parameters<typeof tool>[0])],
  })

const simple = oneTool('simple', () => 'done')
const flaky = oneTool(
  'flaky',
  (_, { attempt }) => {
    attempts.push(Date.now())
    if (attempt < 3)
      throw new HoldfastError({ code: 'TOOL_FAILED', kind: 'retryable', message: 'busy', retryAfter: 400 })
    return `attempt ${attempt}`
  },
  { retry: { maxAttempts: 3 } },
)
const patient = oneTool('patient', async (_, { signal }) => {
  started.resolve()
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
  stopped = true
  return 'stopped'
})
let stopped = false
const careful: unknown[] = []
const slow = oneTool('slow', () => new Promise(() => {}), { timeout: 300 })
const booking = oneTool('booking', () => `booking ${++bookings}`, { effect: 'once', approval: true })
const own = oneTool('own', () => 'done')
own.use(daprDurabilityPlugin())

beforeAll(async () => {
  world = await daprWorld()
  app = await world.app()
  app.work([simple, flaky, patient, slow, booking, own], {
    register: (runtime) =>
      runtime
        .registerWorkflowWithName(
          'mine',
          daprWorkflow(async (input: { what: string }) => (await own.run(input.what)).text),
        )
        .registerWorkflowWithName(
          'careful',
          daprWorkflow(async ({ input, runId, context }: AgentWorkflowInput) => {
            const result = await own.run(input, { runId, ...(context !== undefined && { context }) })
            careful.push(context)
            return result
          }),
        ),
  })
})

afterAll(() => world.close())

async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await is())) await new Promise((resolve) => setTimeout(resolve, 20))
}

describe.concurrent('runs', () => {
  test('the same run again is the same; with another input it is refused', async () => {
    const run = await runs().start(simple, 'go', { runId: 'a/b#1' })
    const result = await run.result()
    expect(result).toMatchObject({ runId: 'a/b#1', status: 'completed', text: 'it is "done"' })
    const again = await runs().start(simple, 'go', { runId: 'a/b#1' })
    expect(await again.result()).toEqual(result)
    await expect(runs().start(simple, 'stop', { runId: 'a/b#1' })).rejects.toMatchObject({ code: 'RUN_CONFLICT' })
  })

  test('two who start the same run at once start one', async () => {
    const both = await Promise.all([1, 2].map(() => runs().start(simple, 'go', { runId: 'both' })))
    const results = await Promise.all(both.map((run) => run.result()))
    expect(results[0]).toEqual(results[1])
  })

  test('runs are listed, and forgotten', async () => {
    for (const runId of ['list-1', 'list-2', 'list-3']) {
      await (await runs().start(simple, 'go', { runId, context: { list: true } })).result()
    }
    await runs().delete('list-2')
    const found: string[] = []
    for await (const { runId, status } of runs().list({ agent: 'simple', status: 'completed' })) {
      expect(status).toBe('completed')
      found.push(runId)
    }
    expect(found).toEqual(expect.arrayContaining(['list-1', 'list-3']))
    expect(found).not.toContain('list-2')
    await expect(runs().get('list-2').status()).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    const again = await runs().start(simple, 'other', { runId: 'list-2' })
    expect(await again.result()).toMatchObject({ status: 'completed' })
  })

  test('what is not known is not found', async () => {
    const run = runs().get('nobody')
    const calls = [
      () => run.status(),
      () => run.result(),
      () => run.respond('x', {}),
      () => run.cancel(),
      () => runs().delete('nobody'),
    ]
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
    }
  })

  test('there are no streams without a sink', () => {
    expect(() => runs().get('x').events()).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }))
    expect(() => daprRuns({ options: {} } as never)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  })

  test('an agent in a workflow of its own', async () => {
    await app.workflows.scheduleNewWorkflow('mine', { what: 'go' }, 'mine-1')
    const state = await app.workflows.waitForWorkflowCompletion('mine-1', true, 30)
    expect(JSON.parse(state?.serializedOutput ?? '')).toBe('it is "done"')
    await runs().delete('mine-1')
    await expect(runs().get('mine-1').status()).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
  })

  test('a workflow of its own is started by its name', async () => {
    const options = { runId: 'mine-2', workflow: 'careful', context: { tenant: 'acme' } }
    const run = await runs().start(own, 'go', options)
    const result = await run.result()
    expect(result).toMatchObject({ runId: 'mine-2', status: 'completed', text: 'it is "done"' })
    expect(result.state.messages).toEqual(result.messages)
    expect(careful).toEqual([{ tenant: 'acme' }])
    expect(await (await runs().start(own, 'go', options)).result()).toEqual(result)
    const other = runs().start(own, 'go', { ...options, workflow: 'mine' })
    await expect(other).rejects.toMatchObject({ code: 'RUN_CONFLICT' })
  })

  test('outside of a workflow the plugin refuses', async () => {
    await expect(own.run('go')).rejects.toMatchObject({ code: 'NO_ENGINE_CONTEXT' })
  })
})

describe.concurrent('steps', () => {
  test('what is worth another attempt gets it, by durable timers, when it said', async () => {
    const run = await runs().start(flaky, 'go', { runId: 'flaky' })
    expect(await run.result()).toMatchObject({ text: 'it is "attempt 3"' })
    expect(attempts).toHaveLength(3)
    for (const [index, at] of attempts.slice(1).entries())
      expect(at - (attempts[index] ?? 0)).toBeGreaterThanOrEqual(395)
  })

  test('a timeout is told to the model', async () => {
    const run = await runs().start(slow, 'go', { runId: 'slow' })
    expect((await run.result()).text).toContain('took more than 300 ms')
  })

  test('a cancel reaches the signal of the tool that runs', async () => {
    const run = await runs().start(patient, 'go', { runId: 'patient' })
    await started.promise
    await run.cancel('enough')
    expect(await run.result()).toMatchObject({ status: 'cancelled', reason: 'enough' })
    // Told by the event itself, in the turn that ends the run.
    expect(stopped).toBe(true)
    await run.cancel()
    expect(await run.status()).toMatchObject({ status: 'cancelled' })
  })

  test('answers: checked, taken once, refused where nothing is asked', async () => {
    const run = await runs().start(booking, 'go', { runId: 'booking' })
    const id = '1/tool/0/work/approval'
    await until(async () => (await run.status()).status === 'waiting')
    await expect(run.respond('1/tool/7/work/approval', {})).rejects.toMatchObject({ code: 'WAIT_NOT_FOUND' })
    await expect(run.respond(id, { approved: 'yes' })).rejects.toMatchObject({ code: 'ANSWER_INVALID' })
    const three = await Promise.allSettled([1, 2, 3].map(() => run.respond(id, { approved: true, by: 'me' })))
    expect(three.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    expect(await run.result()).toMatchObject({ text: 'it is "booking 1"' })
    await expect(run.respond(id, { approved: true })).rejects.toMatchObject({ code: 'WAIT_ANSWERED' })
    expect(bookings).toBe(1)
  })
})
