/** Failures, retries, cancels and sizes, as Temporal sees them. */
import type { RunHandle } from 'holdfast'
import { HoldfastError } from 'holdfast'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  agentOf,
  attempts,
  call,
  calls,
  retryableFailure,
  scriptedModel,
  terminalFailure,
  text,
  toolOf,
} from '../../support/kit.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

const overloaded = scriptedModel([attempts(retryableFailure({ retryAfter: 400 }), text('well again'))])
const refusing = scriptedModel([terminalFailure({ statusCode: 401, message: 'no such key' })])
const tries: Record<string, number[]> = {}
const tried = (name: string): void => {
  tries[name] = [...(tries[name] ?? []), Date.now()]
}

let aborted: ((at: number) => void) | undefined
let working: (() => void) | undefined

const agents = {
  refused: agentOf(refusing, { name: 'refused' }),
  overloaded: agentOf(overloaded, { name: 'overloaded', modelRetry: { maxAttempts: 2, initialInterval: 1 } }),
  failing: agentOf([calls(call('always'), call('plain'), call('later')), text('told')], {
    name: 'failing',
    tools: [
      toolOf('always', {
        // More often than a step may lose its worker: a failure is no lost worker.
        retry: { maxAttempts: 5, initialInterval: 5, backoff: 1 },
        execute() {
          tried('always')
          throw new Error('always busy')
        },
      }),
      toolOf('plain', {
        execute() {
          tried('plain')
          throw new Error('sold out')
        },
      }),
      toolOf('later', {
        retry: { maxAttempts: 3, initialInterval: 5 },
        execute(_, { attempt }) {
          tried('later')
          if (attempt > 1) return 'now'
          throw new HoldfastError({ code: 'TOOL_FAILED', kind: 'retryable', retryAfter: 300, message: 'come again' })
        },
      }),
    ],
  }),
  exhausted: agentOf(
    scriptedModel([
      calls(text('I look.'.padEnd(400)), call('look')),
      retryableFailure({ message: 'still overloaded' }),
    ]),
    {
      name: 'exhausted',
      modelRetry: { maxAttempts: 2, initialInterval: 1 },
      tools: [toolOf('look', { execute: () => 'x'.repeat(1_000) })],
    },
  ),
  patient: agentOf([call('work'), text('worked')], {
    name: 'patient',
    tools: [
      toolOf('work', {
        execute: (_, { signal }) =>
          new Promise((_resolve, reject) => {
            working?.()
            signal.addEventListener('abort', () => {
              aborted?.(Date.now())
              reject(signal.reason)
            })
          }),
      }),
    ],
  }),
  batch: agentOf([calls(call('a'), call('b'), call('c')), text('done')], {
    name: 'batch',
    tools: ['a', 'b', 'c'].map((name) =>
      toolOf(name, { execute: (input) => String((input as { padding: string }).padding).length }),
    ),
  }),
  large: agentOf([calls(call('give'), call('note')), text('done')], {
    name: 'large',
    tools: [toolOf('give', { execute: () => 'x'.repeat(2_500_000) }), toolOf('note')],
  }),
}

let world: TemporalWorld
let next = 0

beforeAll(async () => {
  world = await temporalWorld()
  await world.work(Object.values(agents))
})
afterAll(() => world.close())

const start = (name: keyof typeof agents): Promise<RunHandle> =>
  world.runs.start(agents[name], 'go', { runId: `${name}-${next++}` })

test('a key that is refused is asked with once, and the run fails at once', async () => {
  const run = await start('refused')
  await expect(run.result()).rejects.toMatchObject({
    code: 'MODEL_FAILED',
    message: expect.stringMatching('no such key'),
  })
  expect(refusing.calls).toHaveLength(1)
  expect(await run.status()).toMatchObject({ status: 'failed', error: { code: 'MODEL_FAILED' } })
})

test('a model that is overloaded is asked again when it said to', async () => {
  const started = Date.now()
  const run = await start('overloaded')
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'well again' })
  expect(overloaded.calls).toHaveLength(2)
  expect(Date.now() - started).toBeGreaterThanOrEqual(400)
})

test('a model that fails in the end, on a call that names what was said before, fails as itself', async () => {
  const run = await start('exhausted')
  await expect(run.result()).rejects.toMatchObject({
    code: 'MODEL_FAILED',
    message: expect.stringMatching('still over'),
  })
})

test('a tool is tried as often as its policy says, and not before it said', async () => {
  const result = await (await start('failing')).result()
  expect(result.messages[2]).toMatchObject({
    content: [
      { toolName: 'always', output: { type: 'error-text', value: 'always busy' } },
      { toolName: 'plain', output: { type: 'error-text', value: 'sold out' } },
      { toolName: 'later', output: { type: 'text', value: 'now' } },
    ],
  })
  expect(tries['always']).toHaveLength(5)
  expect(tries['plain']).toHaveLength(1)
  const [first = 0, second = 0] = tries['later'] ?? []
  expect(second - first).toBeGreaterThanOrEqual(295)
})

test('a cancel reaches the signal of the running tool within the heartbeat interval', async () => {
  const isWorking = new Promise<void>((resolve) => {
    working = resolve
  })
  const isAborted = new Promise<number>((resolve) => {
    aborted = resolve
  })
  const run = await start('patient')
  await isWorking
  const cancelled = Date.now()
  await run.cancel('not wanted any more')
  const took = (await isAborted) - cancelled
  console.log(`the cancel was seen after ${took} ms, with a heartbeat every 200 ms`)
  expect(took).toBeLessThan(1_000)
  expect(await run.result()).toMatchObject({ status: 'cancelled', reason: 'not wanted any more' })
  expect(await run.status()).toMatchObject({ status: 'cancelled' })
})

test("a cancel from Temporal's own side is one too", async () => {
  const isWorking = new Promise<void>((resolve) => {
    working = resolve
  })
  const run = await start('patient')
  await isWorking
  await world.client.workflow.getHandle(run.runId).cancel()
  expect(await run.result()).toMatchObject({ status: 'cancelled' })
})

test('a tool whose output does not fit has run, and the model is told so; an input that does not fit is refused', async () => {
  const result = await (await start('large')).result()
  expect(result.status).toBe('completed')
  const ran = { ran: true, truncated: expect.stringMatching(/^"x{999}$/), bytes: expect.any(Number) }
  expect(result.messages[2]?.content[0]).toMatchObject({ toolName: 'give', output: { type: 'json', value: ran } })
  const tooLong = world.runs.start(agents.large, 'x'.repeat(2_000_000), { runId: 'too-long' })
  await expect(tooLong).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE', details: { runId: 'too-long' } })
})

test('inputs that are too large together are scheduled one after the other', async () => {
  const run = await world.runs.start(agents.batch, 'go', { runId: 'batch', workflow: 'largeBatchWorkflow' })
  const { messages } = await run.result()
  expect(messages[2]?.content).toMatchObject([1, 2, 3].map(() => ({ output: { value: 1_600_000 } })))
})
