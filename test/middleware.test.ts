/** Middleware: around the work of a step, where it is done, once per real execution. */
import type { AgentPlugin, StepMiddleware } from 'holdfast'
import { createHarness } from 'holdfast/testing'
import { describe, expect, it } from 'vitest'
import { agentOf, call, scriptedModel, text, toolOf } from './support/kit.ts'

const plugin = (name: string, middleware: StepMiddleware, more: Partial<AgentPlugin> = {}): AgentPlugin => ({
  name,
  middleware,
  ...more,
})

describe('middleware', () => {
  it('is in order: pre is the outermost, then as registered, post the innermost', async () => {
    const log: string[] = []
    const noting = (name: string, enforce?: 'pre' | 'post') =>
      plugin(
        name,
        {
          async tool(request, next) {
            log.push(`${name} in`)
            const output = await next(request)
            log.push(`${name} out`)
            return output
          },
        },
        enforce && { enforce },
      )
    const use = [noting('d', 'post'), noting('b'), plugin('none', {}), noting('c'), noting('a', 'pre')]
    await agentOf([call('x'), text('done')], {
      tools: [toolOf('x', { execute: () => void log.push('work') })],
      use,
    }).run('go')
    const names = ['a', 'b', 'c', 'd']
    expect(log).toEqual([
      ...names.map((name) => `${name} in`),
      'work',
      ...names.toReversed().map((name) => `${name} out`),
    ])
  })

  it('runs once per real execution: per attempt, and not on replay', async () => {
    const attempts: number[] = []
    const flaky = toolOf('x', {
      retry: { initialInterval: 0 },
      execute: (_, { attempt }) => (attempt === 1 ? Promise.reject(new Error('busy')) : 'ok'),
    })
    const count = plugin('count', {
      tool: (request, next) => {
        attempts.push(request.attempt)
        return next(request)
      },
    })
    const harness = createHarness(agentOf([call('x'), text('done')], { tools: [flaky], use: [count] }))
    await harness.run('go')
    expect(attempts.splice(0)).toEqual([1, 2])
    await harness.crashAt('1/tool/0/x', 'after-record').resume()
    expect(attempts.splice(0)).toEqual([1, 2])
    // After the first attempt, which failed.
    await harness.crashAt('1/tool/0/x', 'after-effect').resume()
    expect(attempts).toEqual([1, 1, 2])
  })

  it('may give a model a signal of its own, which is kept to though the model does not listen', async () => {
    const own = new AbortController()
    const deaf = (): Promise<never> => {
      own.abort()
      return new Promise(() => {})
    }
    const hurried = plugin('hurried', { model: (request, next) => next({ ...request, signal: own.signal }) })
    const agent = agentOf({ ...scriptedModel([text('late')]), doStream: deaf }, { use: [hurried] })
    expect(await agent.run('go')).toMatchObject({ status: 'cancelled' })
  })

  it('is told what is done: run, agent, step, attempt, key, signal, context', async () => {
    const told: object[] = []
    const note = (request: object): void =>
      void told.push({ ...request, signal: (request as { signal: AbortSignal }).signal.aborted })
    const noted = <R extends object, O>(request: R, next: (request: R) => O): O => {
      note(request)
      return next(request)
    }
    const spy = plugin(
      'spy',
      {
        model: (request, next) => {
          note({ ...request, input: request.input.model, messages: request.messages.length })
          return next(request)
        },
        tool: noted,
        task: noted,
      },
      {
        tasks: { look: () => 'seen' },
        hooks: { BeforeToolCall: async (event) => void (await event.task('look', { n: 1 })) },
      },
    )
    await agentOf([call('x', { q: 1 }), text('done')], {
      tools: [toolOf('x')],
      use: [spy],
      instructions: 'be kind',
    }).run('go', { runId: 'r', context: 5 })
    const common = { runId: 'r', agent: 'main', attempt: 1, execution: 1, signal: false, context: 5 }
    const step = (stepId: string): object => ({ ...common, stepId, idempotencyKey: `r/${stepId}` })
    expect(told.slice(0, 3)).toEqual([
      { ...step('1/model'), input: 'default', instructions: 'be kind', messages: 1 },
      { ...step('1/tool/0/x/task/spy/look'), name: 'spy.look', input: { n: 1 } },
      { ...step('1/tool/0/x'), name: 'x', input: { q: 1 } },
    ])
  })

  it('changes what a model is shown; the conversation stays as it is', async () => {
    const model = scriptedModel([text('ok')])
    const redact = plugin('redact', {
      model: (request, next) =>
        next({
          ...request,
          instructions: 'other',
          messages: [{ role: 'user', content: [{ type: 'text', text: 'my card is ***' }] }],
        }),
    })
    const result = await agentOf(model, { instructions: 'own', use: [redact] }).run('my card is 123')
    expect(model.calls[0]?.prompt).toMatchObject([
      { role: 'system', content: 'other' },
      { content: [{ text: 'my card is ***' }] },
    ])
    expect(result.messages[0]).toMatchObject({ content: [{ text: 'my card is 123' }] })
  })

  it('can change the input and the output of a tool, or answer in its place (a cache)', async () => {
    const ran: unknown[] = []
    const tool = toolOf('x', { execute: (input) => void ran.push(input) })
    const change = plugin('change', {
      tool: async (request, next) => ({ was: await next({ ...request, input: { q: 'changed' } }) }),
    })
    const changed = await agentOf([call('x'), text('done')], { tools: [tool], use: [change] }).run('go')
    expect(changed.messages[2]).toMatchObject({ content: [{ output: { value: { was: null } } }] })
    const cache = plugin('cache', { tool: async () => 'cached' })
    const cached = await agentOf([call('x'), text('done')], { tools: [tool], use: [cache] }).run('go')
    expect(cached.messages[2]).toMatchObject({ content: [{ output: { value: 'cached' } }] })
    expect(ran).toEqual([{ q: 'changed' }])
  })

  it('that gives what is no JSON is refused with the step', async () => {
    const live = plugin('live', { tool: async () => ({ at: new Date(0) }) as never })
    const result = await agentOf([call('x'), text('done')], { tools: [toolOf('x')], use: [live] }).run('go')
    expect(result.messages[2]).toMatchObject({
      content: [{ output: { value: expect.stringContaining('step 1/tool/0/x: output of middleware: $.at') } }],
    })
  })

  it('that throws is a failure of its step', async () => {
    const broken = plugin('broken', { tool: () => Promise.reject(new Error('no quota')) })
    const result = await agentOf([call('x'), text('done')], { tools: [toolOf('x')], use: [broken] }).run('go')
    expect(result.messages[2]).toMatchObject({ content: [{ output: { type: 'error-text', value: 'no quota' } }] })
  })
})
