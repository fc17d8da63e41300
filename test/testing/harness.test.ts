/** The harness: hooks alone, whole runs, traces, crashes. */
import type { AgentPlugin } from 'holdfast'
import { Agent, describeStep, tool, withInput, wrapStep } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { createHarness } from '../../src/testing/harness.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import { call, calls, text } from '../../src/testing/scripted-reply.ts'
import { formatTrace } from '../../src/testing/trace.ts'

let searches = 0

function createAgent(): Agent {
  return new Agent({
    name: 'travel',
    tools: [
      tool({
        name: 'search',
        input: { type: 'object' },
        execute: (input) => {
          searches++
          return { found: input }
        },
      }),
      tool({ name: 'book', input: { type: 'object' }, approval: true, execute: () => 'booked' }),
    ],
  })
}

const model = () => scriptedModel([calls(call('search', { q: 'x' })), call('book', {}), text('done')])

function budget(): AgentPlugin {
  return {
    name: 'budget',
    tasks: { price: (name) => `${name} costs 5` },
    middleware: { tool: (request, next) => next(request) },
    hooks: {
      async BeforeToolCall(event) {
        event.run.state = { calls: (event.run.state?.calls ?? 0) + 1 }
        if (event.run.state.calls > 2) event.denyStep('too many')
        event.step = wrapStep(withInput(event.step, { q: 'changed' } as never), (run) => run())
      },
      async BeforeModelCall(event) {
        const price = await event.task('price', 'model')
        if (event.run.turn === 7) await event.interrupt({ name: 'go-on', data: price })
      },
      AfterToolCall({ outcome, retry }) {
        if (outcome.status === 'error') retry()
      },
    },
  }
}

describe('one hook alone', () => {
  test('the event after it: the step is looked at and run', async () => {
    const harness = createHarness(createAgent()).use(budget())
    const event = await harness.fire('BeforeToolCall', { step: { name: 'search', input: { q: 'x' } } })
    expect(event.step).toMatchObject({ id: '1/tool/0/search', kind: 'tool', input: { q: 'changed' } })
    expect(event.touched).toEqual(['budget'])
    expect(await event.step.run()).toEqual({ found: { q: 'changed' } })
    expect(() => describeStep(event.step)).toThrow(/STEP_CLOSURE_LOST|crosses the process/)
  })

  test('plugins remember from one event to the next', async () => {
    const harness = createHarness(createAgent()).use(budget())
    await harness.fire('BeforeToolCall')
    await harness.fire('BeforeToolCall')
    const third = await harness.fire('BeforeToolCall')
    expect(third.denied).toBe('too many')
    expect(harness.stateOf('budget')).toEqual({ calls: 3 })
  })

  test('what a hook asks for', async () => {
    const harness = createHarness(createAgent(), { model: model() }).use(budget())
    const event = await harness.fire('BeforeModelCall', { run: { turn: 7 } })
    expect(event).toMatchObject({ suspended: true, asked: ['task budget.price', 'interrupt go-on'] })
    const answered = await harness.fire('BeforeModelCall', { run: { turn: 7 }, answers: { 'go-on': true } })
    expect(answered.suspended).toBe(false)
    const reply = await answered.step.run()
    expect(reply.calls).toMatchObject([{ toolName: 'search' }])
  })

  test('an outcome', async () => {
    const harness = createHarness(createAgent()).use(budget())
    const error = { status: 'error', error: new Error('x') as never } as const
    expect((await harness.fire('AfterToolCall', { outcome: error })).retried).toBe(true)
    expect((await harness.fire('AfterToolCall', { output: 1 })).retried).toBe(false)
  })

  test('a hook that throws is named', async () => {
    const agent = createAgent().on('MessageAdded', () => {
      throw new Error('no messages, please')
    })
    await expect(createHarness(agent).fire('MessageAdded')).rejects.toThrow("MessageAdded of plugin 'app' failed")
  })
})

describe.for(['closure', 'name'] as const)('a whole run, on an engine by %s', (engine) => {
  test('the trace', async () => {
    const harness = createHarness(createAgent(), { model: model(), engine }).use(budget())
    const result = await harness.run('go')
    expect(result.text).toBe('done')
    expect(formatTrace(harness.trace)).toMatchSnapshot()
  })

  test('crash and resume: finished steps once, the running one twice', async () => {
    const harness = createHarness(createAgent(), { model: model(), engine }).use(budget())
    await harness.run('go')
    expect(harness.executions('1/tool/0/search')).toBe(1)
    searches = 0
    const after = await harness.crashAt('1/tool/0/search', 'after-effect').resume()
    expect([after.text, harness.executions('1/tool/0/search'), searches]).toEqual(['done', 2, 2])
    const recorded = await harness.crashAt('1/tool/0/search', 'after-record').resume()
    expect([recorded.text, harness.executions('1/tool/0/search')]).toEqual(['done', 1])
    expect(harness.trace.find(({ type }) => type === 'crash')).toEqual({
      type: 'crash',
      at: '1/tool/0/search after-record',
    })
    const waiting = await harness.crashAt('2/tool/0/book/approval', 'while-waiting').resume()
    expect([waiting.text, harness.executions('2/tool/0/book')]).toEqual(['done', 1])
    const inHook = await harness.crashAt('2/tool/0/book', 'in-hook').resume()
    expect(inHook.state.plugins).toEqual(after.state.plugins)
  })

  test('a point that there is not', async () => {
    const harness = createHarness(createAgent(), { model: model(), engine })
    await harness.run('go')
    await expect(harness.crashAt('9/model', 'after-effect').resume()).rejects.toThrow(
      'the run never came to 9/model after-effect. It has after-effect at: 1/model, 1/tool/0/search',
    )
  })
})
