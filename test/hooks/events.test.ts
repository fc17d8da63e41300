/** What hooks may do in a run. */
import type { RunResult } from 'holdfast'
import { settledStep, withInput, wrapStep } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { agentOf, call, calls, failureOf, hooksOf, overTheWire, scriptedModel, text, toolOf } from '../support/kit.ts'

const lastToolOutput = ({ messages }: RunResult): unknown => {
  const message = messages.findLast(({ role }) => role === 'tool')
  return message?.role === 'tool' && message.content[0]?.type === 'tool-result' ? message.content[0].output : undefined
}

describe('event.step', () => {
  it('can be replaced by each hook in turn; the last is the outermost', async () => {
    const log: string[] = []
    const agent = agentOf([call('search', { q: 'x' }), text('done')], {
      tools: [toolOf('search', { execute: (input) => void log.push(`runs with ${JSON.stringify(input)}`) })],
    })
    for (const name of ['a', 'b']) {
      agent.on('BeforeToolCall', (event) => {
        event.step = wrapStep(event.step, async (run, { input }) => {
          log.push(`${name} sees ${JSON.stringify(input)}`)
          return run()
        })
        event.step = withInput(event.step, { [name]: 1 })
      })
    }
    await agent.run('go')
    const all = '{"q":"x","a":1,"b":1}'
    expect(log).toEqual([`b sees ${all}`, `a sees ${all}`, `runs with ${all}`])
  })

  it('gives an outcome that no hook can change in place: no engine would see it', async () => {
    const agent = agentOf([call('search'), text('done')], {
      tools: [toolOf('search', { execute: () => ({ found: 1 }) })],
    })
    agent.on('AfterToolCall', ({ outcome }) => {
      if (outcome.status === 'ok') (outcome.output as { found: number }).found = 2
    })
    expect(await failureOf(agent.run('go'))).toMatchObject({ code: 'HOOK_FAILED' })
  })

  it('can be settled: nothing runs, the model is told the answer', async () => {
    const agent = agentOf([call('search'), text('done')], {
      tools: [toolOf('search', { execute: () => expect.unreachable() })],
    })
    agent.on('BeforeToolCall', (event) => {
      event.step = settledStep(event.step, { cached: true })
    })
    expect(lastToolOutput(await agent.run('go'))).toEqual({ type: 'json', value: { cached: true } })
  })

  it('of a model call can have another model, settings and active tools', async () => {
    const smart = scriptedModel([text('hm')])
    const agent = agentOf([text('no')], {
      models: { smart },
      settings: { temperature: 0 },
      tools: [toolOf('search'), toolOf('book')],
    })
    agent.on('BeforeModelCall', (event) => {
      event.step = withInput(event.step, { model: 'smart', settings: { temperature: 1 }, activeTools: ['book'] })
    })
    expect((await agent.run('go')).text).toBe('hm')
    expect(smart.calls[0]?.options).toMatchObject({ temperature: 1, tools: [{ name: 'book' }] })
    expect(smart.calls[0]?.options.tools).toHaveLength(1)
  })

  it('of a model call can have no other conversation', async () => {
    const agent = agentOf([text('no')])
    agent.on('BeforeModelCall', (event) => {
      event.step = withInput(event.step, { append: [] })
    })
    expect(await failureOf(agent.run('go'))).toMatchObject({ code: 'HOOK_FAILED', cause: { code: 'UNSUPPORTED' } })
  })

  it('of a model call hides tools: a call of one is told to be of no tool', async () => {
    const agent = agentOf([call('book'), text('done')], {
      tools: [toolOf('search'), toolOf('book', { execute: () => expect.unreachable() })],
    })
    agent.on('BeforeModelCall', (event) => {
      event.step = withInput(event.step, { activeTools: ['search'] })
    })
    expect(lastToolOutput(await agent.run('go'))).toEqual({
      type: 'error-text',
      value: "There is no tool 'book'. The tools are: search.",
    })
  })
})

describe('denyStep', () => {
  it('refuses the call; the model is told why, and the others run', async () => {
    const ran: string[] = []
    const track = (name: string) => toolOf(name, { execute: () => void ran.push(name) })
    const agent = agentOf([calls(call('search'), call('book')), text('done')], {
      tools: [track('search'), track('book')],
    })
    agent.on('BeforeToolCall', (event) => {
      if (event.step.name === 'book') event.denyStep('too dear')
    })
    agent.on('BeforeToolCall', (event) => {
      if (event.step.name === 'book') event.denyStep('only the first reason counts')
    })
    let after = 0
    agent.on('AfterToolCall', () => void after++)
    const { messages } = await agent.run('go')
    expect(messages[2]?.content).toMatchObject([
      { output: { type: 'json', value: null } },
      { output: { type: 'denied', reason: 'too dear' } },
    ])
    expect(ran).toEqual(['search'])
    expect(after).toBe(1)
  })

  it('of a model call ends the run, since there is nobody to be told', async () => {
    const agent = agentOf([text('x')])
    agent.on('BeforeModelCall', (event) => (event as unknown as { denyStep(reason: string): void }).denyStep('closed'))
    expect(await agent.run('go')).toMatchObject({ status: 'cancelled', reason: 'closed', turns: 0 })
  })

  it('refuses a task: STEP_DENIED where it was asked for', async () => {
    const plugin = hooksOf(
      'spy',
      {
        BeforeModelCall: async (event) => {
          expect(await failureOf(event.task('look'))).toMatchObject({
            code: 'STEP_DENIED',
            message: expect.stringContaining('no spying'),
          })
        },
      },
      { tasks: { look: () => expect.unreachable() } },
    )
    const agent = agentOf([text('done')], { use: [plugin] }).on('BeforeTask', (event) => event.denyStep('no spying'))
    expect((await agent.run('go')).status).toBe('completed')
  })
})

describe('cancelRun', () => {
  it.each(['BeforeInvocation', 'BeforeModelCall', 'BeforeToolCall'] as const)(
    'ends the run after a hook of %s',
    async (name) => {
      const agent = agentOf([call('search'), text('done')], {
        tools: [toolOf('search', { execute: () => expect.unreachable() })],
      })
      const later: string[] = []
      agent.on(name, (event) => event.cancelRun('enough'))
      agent.on(name, () => void later.push(name))
      const result = await agent.run('go')
      expect(result).toMatchObject({ status: 'cancelled', reason: 'enough' })
      expect(later).toEqual([name])
      const cancelled = result.messages.at(-1)
      expect(cancelled?.role).toBe(name === 'BeforeToolCall' ? 'tool' : 'user')
    },
  )
})

describe('retry', () => {
  it('of a model call asks again, as another execution, and the After… hooks follow again', async () => {
    const executions: number[] = []
    const model = scriptedModel((_, __, attempt) => text(`try ${attempt}`))
    const agent = agentOf(model)
    agent.on('BeforeModelCall', (event) => {
      event.step = wrapStep(event.step, (run, step) => {
        executions.push(step.execution)
        return run()
      })
    })
    const outcomes: string[] = []
    agent.on('AfterModelCall', (event) => {
      const said = event.outcome.status === 'ok' ? event.outcome.output.message.content[0] : undefined
      outcomes.push(said?.type === 'text' ? said.text : '?')
      if (outcomes.length < 3) event.retry()
    })
    expect(await agent.run('go')).toMatchObject({ text: 'try 3', turns: 1 })
    expect(outcomes).toEqual(['try 1', 'try 2', 'try 3'])
  })

  it('of a tool that failed runs it again; the key stays, the execution counts', async () => {
    const ran: unknown[] = []
    const search = toolOf('search', {
      execute: (_, { execution, attempt, idempotencyKey }) => {
        ran.push({ execution, attempt, idempotencyKey })
        if (execution === 1) throw new Error('busy')
        return 'found'
      },
    })
    const agent = agentOf([call('search'), text('done')], { tools: [search] })
    agent.on('AfterToolCall', (event) => {
      if (event.outcome.status === 'error') event.retry()
    })
    const result = await agent.run('go', { runId: 'r' })
    expect(lastToolOutput(result)).toEqual({ type: 'text', value: 'found' })
    expect(ran).toEqual([
      { execution: 1, attempt: 1, idempotencyKey: 'r/1/tool/0/search' },
      { execution: 2, attempt: 1, idempotencyKey: 'r/1/tool/0/search' },
    ])
  })
})

describe('MessageAdded', () => {
  it('tells each message once, with its place; earlier ones are not new', async () => {
    const told: unknown[] = []
    const agent = agentOf(
      (await import('../support/kit.ts')).scriptedModel((prompt) =>
        prompt.at(-1)?.role === 'tool' ? text('done') : call('search'),
      ),
      {
        tools: [toolOf('search')],
      },
    )
    agent.on('MessageAdded', ({ message, index }) => void told.push([index, message.role]))
    const earlier = [
      { role: 'user', content: [{ type: 'text', text: 'hi' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'hello' }] },
    ] as const
    await agent.run('go', { messages: earlier })
    expect(told).toEqual([
      [2, 'user'],
      [3, 'assistant'],
      [4, 'tool'],
      [5, 'assistant'],
    ])
  })

  it('tells the results that a cancel gives to open calls', async () => {
    const told: string[] = []
    const agent = agentOf([call('search')], { tools: [toolOf('search')] })
    agent.on('BeforeToolCall', (event) => event.cancelRun('enough'))
    agent.on('MessageAdded', ({ message }) => void told.push(message.role))
    await agent.run('go')
    expect(told).toEqual(['user', 'assistant', 'tool'])
  })
})

describe('BeforeInvocation', () => {
  it('wraps the whole run', async () => {
    const log: string[] = []
    const agent = agentOf([call('search'), text('done')], {
      tools: [toolOf('search', { execute: () => void log.push('tool') })],
    })
    agent.on('BeforeInvocation', (event) => {
      expect(event.step).toMatchObject({ kind: 'agent', id: 'run', name: 'main', input: { input: 'go' } })
      event.step = wrapStep(event.step, async (run) => {
        log.push('begins')
        const output = await run()
        log.push(`ends with ${output}`)
        return output
      })
    })
    agent.on('AfterInvocation', ({ status }) => void log.push(`after ${status}`))
    await agent.run('go')
    expect(log).toEqual(['begins', 'tool', 'ends with done', 'after completed'])
  })

  it('can settle the run: nothing is asked, the answer is the result', async () => {
    const agent = agentOf([])
    agent.on('BeforeInvocation', (event) => {
      event.step = settledStep(event.step, 'not on Sundays')
    })
    const result = await agent.run('go')
    expect(result).toMatchObject({ status: 'completed', text: 'not on Sundays', turns: 0 })
    expect(result.messages.map(({ role }) => role)).toEqual(['user', 'assistant'])
    expect(await agent.run('go').then(({ state }) => state.phase)).toEqual({ type: 'end' })
  })
})

describe('BeforeInvocation, of a run that goes on from its state', () => {
  it('wraps what is left of it; what it had asked for is kept, and what it counts is counted once', async () => {
    const log: string[] = []
    const inOneProcess = () => {
      const agent = agentOf([call('pay'), text('done')], { tools: [toolOf('pay', { approval: true })] })
      agent.use({
        name: 'guard',
        tasks: { policy: () => void log.push('policy read') },
        hooks: {
          async BeforeInvocation(event) {
            const { run } = event
            await event.task('policy')
            const mark = await event.interrupt({ name: 'mark' })
            run.state = ((run.state as number | undefined) ?? 0) + 1
            event.step = wrapStep(event.step, async (go) => {
              const output = await go()
              log.push(`${mark} ends with ${output}`)
              return output
            })
          },
          AfterInvocation: ({ run }) => void log.push(`counted ${run.state}`),
        },
      })
      return agent
    }
    const asked = await inOneProcess().run('go')
    const began = await inOneProcess().resume(overTheWire(asked.state), { 'run/wait/guard/mark': '!' })
    expect(began.waits.map(({ id }) => id)).toEqual(['1/tool/0/pay/approval'])
    const ended = await inOneProcess().resume(overTheWire(began.state), { '1/tool/0/pay/approval': { approved: true } })
    expect(ended).toMatchObject({ status: 'completed', text: 'done' })
    expect(log).toEqual(['policy read', '! ends with done', 'counted 1'])
  })
})

describe('a run that a hook settles', () => {
  it('has what is no text as JSON, and as its output where it has structured output', async () => {
    const agent = agentOf([], { output: { type: 'object' } })
    agent.on('BeforeInvocation', (event) => {
      event.step = settledStep(event.step, { closed: true })
    })
    expect(await agent.run('go')).toMatchObject({
      status: 'completed',
      text: '{"closed":true}',
      output: { closed: true },
    })
  })
})

describe('AfterInvocation', () => {
  it.each(['completed', 'failed', 'cancelled', 'limit'] as const)(
    'is told of a run that ends as %s',
    async (status) => {
      const told: unknown[] = []
      const script = status === 'failed' ? [] : status === 'limit' ? [call('search')] : [text('done')]
      const agent = agentOf(script, { limits: { turns: 1 }, tools: [toolOf('search')] })
      if (status === 'cancelled') agent.on('BeforeModelCall', (event) => event.cancelRun('x'))
      agent.on('AfterInvocation', (event) => void told.push([event.status, event.error?.code]))
      await agent.run('go').catch(() => {})
      expect(told).toEqual([[status, status === 'failed' ? 'MODEL_FAILED' : undefined]])
    },
  )

  it('that throws fails the run, unless it failed already', async () => {
    const failing = (script: Parameters<typeof agentOf>[0]) =>
      agentOf(script).on('AfterInvocation', () => {
        throw new Error('mine')
      })
    expect(await failureOf(failing([text('done')]).run('go'))).toMatchObject({ code: 'HOOK_FAILED' })
    expect(await failureOf(failing([]).run('go'))).toMatchObject({ code: 'MODEL_FAILED' })
  })
})

describe('what a hook is told of the run', () => {
  it('is its id, turn, context, usage and messages, which are frozen', async () => {
    const seen: unknown[] = []
    const agent = agentOf([call('search'), text('done')], { tools: [toolOf('search')] })
    agent.on('BeforeInvocation', ({ run }) => {
      expect(() => (run.messages as unknown[]).push('x')).toThrow(TypeError)
      expect(() => Object.assign(run.messages[0] as object, { role: 'system' })).toThrow(TypeError)
    })
    agent.on('BeforeModelCall', ({ run }) => {
      seen.push({
        ...run,
        turn: run.turn,
        messages: run.messages.length,
        usage: run.usage,
        info: undefined,
        compact: undefined,
      })
    })
    agent.on('BeforeToolCall', ({ run, toolCallId }) => void seen.push([run.turn, toolCallId]))
    agent.on('AfterToolCall', ({ run, toolCallId }) => void seen.push([run.turn, toolCallId]))
    await agent.run('go', { runId: 'r', context: { tenant: 'acme' } })
    const run = { runId: 'r', agent: 'main', context: { tenant: 'acme' } }
    expect(seen).toMatchObject([
      { ...run, turn: 1, messages: 1, usage: {} },
      [1, 'call-1-0'],
      [1, 'call-1-0'],
      { ...run, turn: 2, messages: 3, usage: { inputTokens: 10, outputTokens: 5 } },
    ])
  })
})

describe('run.state', () => {
  it('is kept with the run, each plugin its own', async () => {
    const counter = (name: string, by: number) =>
      hooksOf(name, {
        BeforeModelCall: ({ run }) => {
          run.state = { count: (run.state?.count ?? 0) + by }
        },
        AfterInvocation: ({ run }) => {
          run.state.count += 100
        },
      })
    const agent = agentOf([call('search'), text('done')], {
      tools: [toolOf('search')],
      use: [counter('a', 1), counter('b', 10)],
    })
    const { state } = await agent.run('go')
    expect(state.plugins).toEqual({ a: { count: 102 }, b: { count: 120 } })
  })

  it('that is no JSON is refused with the plugin and the path', async () => {
    const agent = agentOf([text('done')])
    agent.on('BeforeModelCall', ({ run }) => {
      run.state = { client: new (class Client {})() }
    })
    expect(await failureOf(agent.run('go'))).toMatchObject({
      code: 'NOT_JSON',
      message: expect.stringContaining("run.state of plugin 'app': $.client is an instance of Client"),
    })
  })

  it('does not leak from one run into another', async () => {
    const agent = agentOf([text('done')])
    agent.on('BeforeModelCall', ({ run }) => {
      run.state = (run.state ?? 0) + 1
    })
    const [a, b] = await Promise.all([agent.run('go'), agent.run('go')])
    expect([a.state.plugins, b.state.plugins]).toEqual([{ app: 1 }, { app: 1 }])
  })
})
