/** Invocations that were overtaken, that ran out of time, whose run was cancelled: in warm processes, which go on. */
import { setTimeout as sleep } from 'node:timers/promises'
import { GetDurableExecutionHistoryCommand } from '@aws-sdk/client-lambda'
import { Agent, tool } from 'holdfast'
import type { ToolContext } from 'holdfast'
import type { LambdaHandlerOptions, LambdaRuns } from 'holdfast/lambda'
import { folderStore, lambdaAgentHandler } from 'holdfast/lambda'
import { call, scriptedModel, text } from 'holdfast/testing'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import type { Handler } from '../../../examples/lambda/local/runtime.ts'
import { LambdaWorld } from './support/world.ts'

let world: LambdaWorld

beforeAll(async () => {
  world = await LambdaWorld.start()
})

afterAll(() => world.stop())

function worker(work: (context: ToolContext) => unknown): Agent {
  return new Agent({
    name: 'worker',
    model: scriptedModel([call('work', {}), text('done')]),
    tools: [tool({ name: 'work', input: { type: 'object' }, execute: (_, context) => work(context) })],
  })
}

interface Warm {
  readonly name: string
  readonly runs: LambdaRuns
  /** What came of each invocation, in the order in which they ended. */
  readonly ended: unknown[]
}

function serve(agent: Agent, options: LambdaHandlerOptions = {}): Warm {
  const ended: unknown[] = []
  const handler = lambdaAgentHandler(agent, { ...options, durable: { client: world.client } })
  const { cancels } = options
  const warm = (async (event, context) => {
    try {
      const output = await handler(event as never, context)
      ended.push(output.Status)
      return output
    } catch (error) {
      ended.push(error)
      throw error
    }
  }) as Handler
  return { ...world.serve(warm, { ...(cancels && { cancels }) }), ended }
}

function gate(): { readonly open: () => void; readonly passed: Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { open: resolve, passed: promise }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(5)
}

test('an invocation that the service gave up can record nothing more, and the run is that of the one after it', async () => {
  const gates = [gate(), gate()]
  let attempts = 0
  const agent = worker(async () => {
    const attempt = ++attempts
    await gates[attempt - 1]?.passed
    return `work of attempt ${attempt}`
  })
  const { name, runs, ended } = serve(agent)
  const run = await runs.start(agent, 'go', { runId: 'overtaken' })
  await until(() => attempts === 1)
  // To the service the process is gone; it is not, and works on beside the next invocation.
  world.service.lose(name)
  await until(() => attempts === 2)
  gates[0]?.open()
  await until(() => ended.length === 1)
  // It failed as an invocation. Had it said that the execution failed, a late word would have ended the run.
  expect(ended[0]).toMatchObject({ message: expect.stringMatching(/invalid checkpoint token/i) })
  gates[1]?.open()
  const { status, messages } = await run.result()
  expect(status).toBe('completed')
  expect(JSON.stringify(messages)).toContain('work of attempt 2')
  expect(JSON.stringify(messages)).not.toContain('work of attempt 1')
  expect(ended.slice(1)).toEqual(['SUCCEEDED'])
})

test('a run that was cancelled while its overtaken invocation works on stays cancelled', async () => {
  const cancels = folderStore(`${world.folder}/overtaken`)
  const late = gate()
  let attempts = 0
  const agent = worker(({ signal }) => {
    // The first pays no heed to its signal.
    if (++attempts === 1) return late.passed.then(() => 'late work')
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  })
  const { name, runs, ended } = serve(agent, { cancels, cancelInterval: 5 })
  const run = await runs.start(agent, 'go', { runId: 'overtaken-cancelled' })
  await until(() => attempts === 1)
  world.service.lose(name)
  await until(() => attempts === 2)
  await run.cancel('enough')
  expect(await run.result()).toMatchObject({ status: 'cancelled', reason: 'enough' })
  late.open()
  await until(() => ended.length === 2)
  expect((await run.result()).status).toBe('cancelled')
})

test('a cancel in the store reaches the signal of a tool that runs, and the run says why it ended', async () => {
  const cancels = folderStore(`${world.folder}/cancels`)
  const reasons: unknown[] = []
  const started = gate()
  const agent = worker(({ signal }) => {
    started.open()
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        reasons.push(signal.reason)
        reject(signal.reason as Error)
      })
    })
  })
  const { runs } = serve(agent, { cancels, cancelInterval: 5 })
  const run = await runs.start(agent, 'go', { runId: 'cancelled' })
  await started.passed
  await run.cancel('too dear')
  const { status, reason, messages } = await run.result()
  expect({ status, reason }).toEqual({ status: 'cancelled', reason: 'too dear' })
  expect(reasons).toMatchObject([{ code: 'CANCELLED', details: { reason: 'too dear' } }])
  // A conversation that a model accepts: the call that was stopped has an answer.
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool'])
})

const approver = (): Agent =>
  new Agent({
    name: 'approver',
    model: scriptedModel([call('work', {}), text('done')]),
    tools: [tool({ name: 'work', input: { type: 'object' }, approval: true, execute: () => 'worked' })],
  })

test('a cancel just before a wait is opened ends the run, and nobody is asked; also where the process dies meanwhile', async () => {
  const cancels = folderStore(`${world.folder}/before-wait`)
  const between = gate()
  const cancelled = gate()
  let ends = 0
  const agent = approver()
    .on('BeforeToolCall', async () => {
      between.open()
      await cancelled.passed
    })
    .on('AfterInvocation', async () => {
      if (++ends > 1) return
      world.service.lose(name)
      await new Promise(() => {})
    })
  const asked: string[] = []
  const { name, runs } = serve(agent, { cancels, notify: ({ waitId }) => void asked.push(waitId) })
  const run = await runs.start(agent, 'go', { runId: 'cancelled-before-wait' })
  await between.passed
  await run.cancel('enough')
  cancelled.open()
  expect(await run.result()).toMatchObject({ status: 'cancelled', reason: 'enough' })
  expect({ asked, ends }).toEqual({ asked: [], ends: 2 })
})

test('a cancel while somebody is told of a wait, for longer than cancel() looks for it, ends the run', async () => {
  const cancels = folderStore(`${world.folder}/while-told`)
  const telling = gate()
  const told = gate()
  const agent = approver()
  const notify = (): Promise<void> => {
    telling.open()
    return told.passed
  }
  const { name } = serve(agent, { cancels, notify })
  const run = await world.runs(name, { cancels, patience: 0 }).start(agent, 'go', { runId: 'cancelled-while-told' })
  await telling.passed
  await run.cancel('enough')
  told.open()
  expect(await run.result()).toMatchObject({ status: 'cancelled', reason: 'enough' })
})

test('without a store cancel() looks until the wait that is being opened can be ended', async () => {
  const telling = gate()
  const told = gate()
  const agent = approver()
  const notify = (): Promise<void> => {
    telling.open()
    return told.passed
  }
  const { runs } = serve(agent, { notify })
  const run = await runs.start(agent, 'go', { runId: 'cancelled-opening' })
  await telling.passed
  const send = vi.spyOn(world.client, 'send')
  onTestFinished(() => send.mockRestore())
  const looks = (): number =>
    send.mock.calls.filter(([command]) => (command as unknown) instanceof GetDurableExecutionHistoryCommand).length
  const cancelling = run.cancel('enough')
  // The first look has found nothing to end.
  await Promise.race([cancelling, until(() => looks() > 1)])
  told.open()
  await cancelling
  expect(await run.result()).toMatchObject({ status: 'cancelled', reason: 'enough' })
})

test('the time of an invocation is over for its signal before it is over for the service', async () => {
  world.service.timeout = 2_000
  onTestFinished(() => {
    world.service.timeout = 900_000
  })
  let attempts = 0
  const agent = worker(({ signal }) => {
    if (++attempts > 1) return 'worked'
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
  })
  const { runs, ended } = serve(agent)
  const run = await runs.start(agent, 'go', { runId: 'in-time' })
  expect((await run.result()).status).toBe('completed')
  // The first came to its end by itself, with the step to be tried again; the service had nothing to end.
  expect(ended).toEqual(['PENDING', 'SUCCEEDED'])
})

test('one handler serves runs of several functions, one after the other and at once, and nothing of one is in another', async () => {
  const agent = worker(({ runId }) => `work of ${runId}`)
  const { runs } = serve(agent)
  const ids = Array.from({ length: 6 }, (_, index) => `beside-${index}`)
  const started = await Promise.all(ids.map((runId) => runs.start(agent, 'go', { runId, context: { of: runId } })))
  for (const [index, run] of started.entries()) {
    const { runId, messages, state } = await run.result()
    expect({ runId, context: state.context }).toEqual({ runId: ids[index], context: { of: ids[index] } })
    expect(JSON.stringify(messages).match(/work of [\w-]+/g)).toEqual([`work of ${ids[index]}`])
  }
})
