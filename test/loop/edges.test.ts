/** Where cancels, retries, suspensions and resumed runs meet. */
import type { AgentPlugin, Json } from 'holdfast'
import { agentTool, durable, executeStep, executionId, HoldfastError, withInput, wrapStep } from 'holdfast'
import { memoryStreams } from '../../src/memory.ts'
import { expect, it } from 'vitest'
import { agentOf, call, calls, failureOf, hooksOf, reply, scriptedModel, text, toolOf } from '../support/kit.ts'
import { PositionalEngine } from '../support/positional-engine.ts'
const wire = <T>(x: T): T => JSON.parse(JSON.stringify(x))
const usage = { inputTokens: 100, outputTokens: 1 } as never
const paying = (name = 'sub') => agentOf([call('pay'), text('x')], { name, tools: [toolOf('pay', { approval: true })] })
const approve = { '1/tool/0/pay/approval': { approved: true } }

it('run.state of a batch that a sub-agent suspends is undone', async () => {
  const agent = agentOf([call('sub', { prompt: 'x' }), text('done')], { tools: [agentTool(paying())] })
  agent.on('BeforeAgentCall', ({ run }) => {
    run.state = ((run.state as number) ?? 0) + 1
    run.compact()
  })
  const { state } = await agent.run('go')
  expect(state.plugins).toEqual({})
  expect(state.compacting).toBe(false)
})
it('interrupt first, approval after', async () => {
  const agent = agentOf([call('pay'), text('done')], { tools: [toolOf('pay', { approval: true })] })
  agent.on('BeforeToolCall', async (e) => void (await e.interrupt({ name: 'q' })))
  expect((await agent.run('go')).waits.map((w) => w.id)).toEqual(['1/tool/0/pay/wait/app/q'])
})
it('BeforeInvocation sees on resume what it saw', async () => {
  const seen: unknown[] = []
  const make = () =>
    agentOf(
      scriptedModel((p) => (p.some((m) => m.role === 'tool') ? text('done') : reply(call('pay'), { usage }))),
      { tools: [toolOf('pay', { approval: true })] },
    ).on('BeforeInvocation', ({ run }) => {
      seen.push([run.state, run.turn, run.messages.length, run.usage])
      run.state = 1
    })
  const earlier = [
    { role: 'user', content: [{ type: 'text', text: 'q' }] },
    { role: 'assistant', content: [{ type: 'text', text: 'a' }] },
  ] as never
  const w = await make().run('go', { messages: earlier })
  await make().resume(wire(w.state), approve)
  expect(seen).toEqual([
    [undefined, 1, 3, {}],
    [undefined, 1, 3, {}],
  ])
})
it('a retry is in a scope of its own', async () => {
  const engine = new PositionalEngine()
  let n = 0
  const agent = agentOf([call('a'), text('done')], {
    tools: [
      toolOf('a', {
        execute: () => {
          if (n++ === 0) throw new Error('x')
          return 'a'
        },
      }),
    ],
    use: [engine.plugin()],
  })
  agent.on('AfterToolCall', (e) => {
    if (e.outcome.status === 'error') e.retry()
  })
  await agent.run('go', { runId: 'r' })
  expect([...engine.journal.keys()]).toEqual(['/0', '/1/0', '/2/0', '/3/0', '/4/0'])
})
it('scope of a retry is told its execution', async () => {
  const seen: string[] = []
  let n = 0
  const plugin: AgentPlugin = {
    name: 'e',
    durability: { engine: 'e', dispatch: 'closure', supports: {} },
    hooks: durable({
      execute: (s) => s,
      scope: (s, body) => {
        seen.push(executionId(s))
        return body()
      },
    }),
  }
  const agent = agentOf([call('a'), text('done')], {
    tools: [
      toolOf('a', {
        execute: () => {
          if (n++ === 0) throw new Error('x')
          return 'a'
        },
      }),
    ],
    use: [plugin],
  })
  agent.on('AfterToolCall', (e) => {
    if (e.outcome.status === 'error') e.retry()
  })
  await agent.run('go', { runId: 'r' })
  expect(seen).toEqual(['run', '1/model', '1/tool/0/a', '1/tool/0/a#2', '2/model'])
})
it('cancelRun ends at once', async () => {
  const log: unknown[] = []
  const agent = agentOf([calls(call('a'), call('b')), text('done')], { tools: [toolOf('a'), toolOf('b')] })
  agent.on('BeforeToolCall', (e) => {
    log.push(e.step.id)
    e.cancelRun('x')
  })
  await agent.run('go')
  expect(log).toEqual(['1/tool/0/a'])
})
it('a wrapper that throws something else for a suspension', async () => {
  const agent = agentOf([call('sub', { prompt: 'x' }), text('done')], { tools: [agentTool(paying())] })
  agent.on('BeforeAgentCall', (e) => {
    e.step = wrapStep(e.step, (run) =>
      run().catch(() => {
        throw new Error('mine')
      }),
    )
  })
  expect((await agent.run('go')).status).toBe('waiting')
})
it('event.step.input is frozen, of each kind', async () => {
  const frozen: unknown[] = []
  const agent = agentOf([call('a', { deep: { x: 1 } }), text('done')], {
    tools: [toolOf('a')],
    settings: { temperature: 0 },
  })
  agent.on('BeforeInvocation', (e) => void frozen.push(Object.isFrozen(e.step.input)))
  agent.on(
    'BeforeModelCall',
    (e) => void frozen.push(Object.isFrozen(e.step.input) && Object.isFrozen(e.step.input.append)),
  )
  await agent.run('go')
  expect(frozen).toEqual([true, true, true])
})
it('an engine that wraps a rejection', async () => {
  const plugin: AgentPlugin = {
    name: 'e',
    durability: { engine: 'e', dispatch: 'closure', supports: {} },
    hooks: durable({
      execute: (s) => ({
        ...s,
        run: (c) =>
          s.run(c).catch((e) => {
            throw new Error('wrapped', { cause: e })
          }),
      }),
    }),
  }
  const agent = agentOf([call('gone'), text('done')], { use: [plugin], tools: [] }).on(
    'BeforeModelCall',
    async (e) => void (await e.task('gone')),
  )
  expect(await failureOf(agent.run('go', { runId: 'r' }))).toMatchObject({ code: 'TASK_UNKNOWN' })
})
it('a retry whose wrapper does not run the step', async () => {
  let n = 0
  const agent = agentOf([call('a'), text('done')], { tools: [toolOf('a')] })
  agent.on('BeforeToolCall', (e) => {
    e.step = wrapStep(e.step, async (run) => (n++ === 0 ? run() : 'made up'))
  })
  agent.on('AfterToolCall', (e) => {
    if (n === 1) e.retry()
  })
  expect(await failureOf(agent.run('go'))).toMatchObject({ code: 'STEP_NOT_RECORDED' })
})
it('one task fails, the next has its own outcome', async () => {
  const log: unknown[] = []
  const p = hooksOf(
    'p',
    {
      async BeforeModelCall(e) {
        const r = await Promise.allSettled([e.task('bad'), e.task('good')])
        log.push(r.map((x) => x.status))
      },
    },
    {
      tasks: {
        bad: () => {
          throw new Error('x')
        },
        good: () => 1,
      },
    },
  )
  await agentOf([text('done')], { use: [p] }).run('go')
  expect(log).toEqual([['rejected', 'fulfilled']])
})
it('events of a resumed run have numbers of their own', async () => {
  const ids: number[] = []
  const make = () =>
    agentOf([call('pay'), text('done')], {
      tools: [toolOf('pay', { approval: true })],
      use: [{ name: 'o', observe: (e) => void ids.push(e.id.seq) }],
    })
  const w = await make().run('go')
  await make().resume(wire(w.state), approve)
  expect(new Set(ids).size).toBe(ids.length)
})
it('run-started once', async () => {
  const told: string[] = []
  const make = () =>
    agentOf([call('pay'), text('done')], {
      tools: [toolOf('pay', { approval: true })],
      use: [{ name: 'o', observe: (e) => void told.push(e.type) }],
    })
  const w = await make().run('go')
  await make().resume(wire(w.state), approve)
  expect(told.filter((t) => t === 'run-started')).toHaveLength(1)
})
it('no message told again on resume', async () => {
  const told: number[] = []
  const make = () =>
    agentOf([call('pay'), text('done')], { tools: [toolOf('pay', { approval: true })] }).on(
      'MessageAdded',
      ({ index }) => void told.push(index),
    )
  const w = await make().run('go')
  await make().resume(wire(w.state), approve)
  expect(told).toEqual([0, 1, 2, 3])
})
it('kept has the present batch alone', async () => {
  const agent = agentOf([call('a'), call('pay'), text('done')], {
    tools: [toolOf('a'), toolOf('pay', { approval: true })],
  })
  expect((await agent.run('go')).state.kept).toEqual({})
})
it('usage of several sub-agents', async () => {
  const sub = (name: string) => agentOf([reply(text('x'), { usage })], { name })
  const agent = agentOf([calls(call('s1', { prompt: 'x' }), call('s2', { prompt: 'x' })), text('done')], {
    tools: [agentTool(sub('s1')), agentTool(sub('s2'))],
  })
  expect((await agent.run('go')).usage.inputTokens).toBe(220)
})
it('usage of one that rejects', async () => {
  const bad = agentOf([reply(call('a'), { usage })], {
    name: 'bad',
    tools: [toolOf('a')],
    modelRetry: { maxAttempts: 1 },
  })
  bad.on('BeforeModelCall', ({ run }) => {
    if (run.turn === 2) throw new Error('x')
  })
  const agent = agentOf([call('bad', { prompt: 'x' }), text('done')], { tools: [agentTool(bad)] })
  expect((await agent.run('go')).usage.inputTokens).toBe(120)
})
it('compaction by tokens happens once per reply', async () => {
  let n = 0
  const agent = agentOf(
    scriptedModel((p) =>
      p.some((m) => JSON.stringify(m).includes('short')) ? text('done') : reply(call('a'), { usage }),
    ),
    {
      tools: [toolOf('a')],
      compact: {
        when: { inputTokens: 50 },
        with: async () => {
          if (++n > 3) throw new Error('for ever')
          return [{ role: 'user', content: [{ type: 'text', text: 'short' }] }]
        },
      },
    },
  )
  expect(await agent.run('go')).toMatchObject({ status: 'completed', state: { compactions: 1 } })
})
it('MessageAdded messages are frozen', async () => {
  const agent = agentOf([call('a'), text('done')], { tools: [toolOf('a')] })
  const r: unknown[] = []
  agent.on('MessageAdded', ({ message }) => void r.push(Object.isFrozen(message) && Object.isFrozen(message.content)))
  await agent.run('go')
  expect(r).toEqual([true, true, true, true])
})
it('a stream stays open over a wait', async () => {
  const streams = memoryStreams()
  let closed = 0
  const spy = {
    ...streams,
    close: async (id: string) => {
      closed++
      await streams.close?.(id)
    },
  }
  const agent = agentOf([call('pay'), text('done')], { streams: spy, tools: [toolOf('pay', { approval: true })] })
  const w = await agent.run('go')
  expect([w.status, closed]).toEqual(['waiting', 0])
})
it('an attempt ends when the sink has all of it', async () => {
  let taken = 0
  const seen: number[] = []
  const streams = {
    publish: async (c: readonly unknown[]) => {
      await new Promise((r) => setImmediate(r))
      taken += c.length
    },
    async *read() {},
  } as never
  const agent = agentOf([text('hello')], { streams }).on('AfterModelCall', () => void seen.push(taken))
  await agent.run('go')
  expect(seen[0]).toBeGreaterThanOrEqual(3)
})
it('t113/120/125: no listener is left', async () => {
  const controller = new AbortController()
  const { signal } = controller
  let open = 0
  const add = signal.addEventListener.bind(signal),
    remove = signal.removeEventListener.bind(signal)
  signal.addEventListener = ((...a: Parameters<typeof add>) => {
    open++
    add(...a)
  }) as never
  signal.removeEventListener = ((...a: Parameters<typeof remove>) => {
    open--
    remove(...a)
  }) as never
  let n = 0
  const agent = agentOf([], {
    tools: [
      toolOf('a', {
        retry: { maxAttempts: 2, initialInterval: 1 },
        execute: () => {
          if (n++ === 0) throw new Error('x')
          return 'a'
        },
      }),
    ],
  })
  await executeStep(
    agent,
    {
      kind: 'tool',
      id: '1/tool/0/a',
      execution: 1,
      name: 'a',
      input: {},
      policy: { effect: 'repeatable', retry: { maxAttempts: 2, initialInterval: 1, backoff: 1, maxInterval: 1 } },
    } as never,
    { runId: 'r', spec: agent.describe(), messages: () => [], retries: 'here', signal, onStop: () => () => {} },
  )
  expect(open).toBe(0)
})
it('a wait that the engine fails is no open wait', async () => {
  const plugin: AgentPlugin = {
    name: 'e',
    durability: { engine: 'e', dispatch: 'closure', supports: { waits: true } },
    hooks: durable({
      execute: (s) => s,
      wait: (s) => ({
        ...s,
        run: async () => {
          throw new HoldfastError({ code: 'ENGINE_UNAVAILABLE', kind: 'retryable', message: 'x' })
        },
      }),
    }),
  }
  const agent = agentOf([call('pay')], { use: [plugin], tools: [toolOf('pay', { approval: true })] })
  expect(await failureOf(agent.run('go', { runId: 'r' }))).toMatchObject({ code: 'ENGINE_UNAVAILABLE' })
})
it('a timer beside a person is over once', async () => {
  const opened: string[] = []
  const make = () =>
    agentOf([calls(call('a'), call('pay')), text('done')], {
      tools: [toolOf('a'), toolOf('pay', { approval: true })],
    }).on('BeforeToolCall', async (e) => {
      if (e.step.name === 'a') await e.sleep(5)
    })
  const w = await make().run('go')
  expect(w.state.kept).toMatchObject({ '1/tool/0/a/timer/app': { output: { timedOut: true } } })
  void opened
})
it('reconcile is told the input as hooks made it', async () => {
  const seen: Json[] = []
  const agent = agentOf([call('a', { n: 1 }), text('done')], {
    tools: [
      toolOf('a', {
        effect: 'once',
        timeout: 5,
        execute: () => new Promise(() => {}),
        reconcile: (input) => {
          seen.push(input as Json)
          return { status: 'done', output: 'x' }
        },
      }),
    ],
  })
  agent.on('BeforeToolCall', (e) => {
    e.step = withInput(e.step, { n: 2 })
  })
  await agent.run('go')
  expect(seen).toEqual([{ n: 2 }])
})
it('ids go on', async () => {
  const ids: number[] = []
  const make = () =>
    agentOf([call('pay'), text('done')], {
      tools: [toolOf('pay', { approval: true })],
      use: [{ name: 'o', observe: (e) => void ids.push(e.id.seq) }],
    })
  const w = await make().run('go')
  const last = Math.max(...ids.splice(0))
  await make().resume(JSON.parse(JSON.stringify(w.state)), { '1/tool/0/pay/approval': { approved: true } })
  expect(Math.min(...ids)).toBeGreaterThan(last)
})

it('a cancel while a call is done again tells the model what is known now, and not what it was told first', async () => {
  const stop = new AbortController()
  const ran = { a: 0, b: 0 }
  const fails = (name: 'a' | 'b', again: () => unknown) =>
    toolOf(name, {
      execute: () => {
        if (ran[name]++ === 0) throw new Error(`first ${name}`)
        return again()
      },
    })
  const stuck = () => {
    stop.abort('enough')
    return new Promise(() => {})
  }
  const agent = agentOf([calls(call('a'), call('b')), text('done')], {
    tools: [fails('a', () => 'BOOKED'), fails('b', stuck)],
  })
  agent.on('AfterToolCall', (event) => {
    if (event.outcome.status === 'error') event.retry()
  })
  const { status, messages } = await agent.run('go', { signal: stop.signal })
  expect(status).toBe('cancelled')
  expect(messages.at(-1)).toMatchObject({
    content: [
      { output: { type: 'text', value: 'BOOKED' } },
      { output: { type: 'error-text', value: expect.stringContaining('cancelled before') } },
    ],
  })
})

it('a run that is cancelled while a part of it waits ends', async () => {
  const stop = new AbortController()
  const agent = agentOf([calls(call('sub', { prompt: 'x' }), call('slow')), text('done')], {
    tools: [agentTool(paying()), toolOf('slow')],
  })
  agent.on('BeforeToolCall', (event) => {
    event.step = wrapStep(event.step, async (run) => {
      const output = await run()
      await new Promise((resolve) => setTimeout(resolve, 10))
      stop.abort('enough')
      return output
    })
  })
  expect((await agent.run('go', { signal: stop.signal })).status).toBe('cancelled')
})

it('a timeout of a month is none of a moment', async () => {
  const tools = [
    toolOf('slow', { timeout: '30d', execute: () => new Promise((resolve) => setTimeout(resolve, 20, 'ok')) }),
  ]
  const { messages } = await agentOf([call('slow'), text('done')], { tools }).run('go')
  expect(messages.at(-2)).toMatchObject({ content: [{ output: { value: 'ok' } }] })
})

it('a step that is denied without a reason is denied', async () => {
  let ran = 0
  const agent = agentOf([call('pay'), text('done')], { tools: [toolOf('pay', { execute: () => ++ran })] })
  agent.on('BeforeToolCall', (event) => event.denyStep(undefined as never))
  await agent.run('go')
  expect(ran).toBe(0)
})

it.each([Number.NaN, undefined])('a limit of %s turns is none that lets a run go on for ever', async (turns) => {
  const agent = agentOf(
    scriptedModel((_, turn) => (turn > 60 ? text('end') : call('a'))),
    { tools: [toolOf('a')], limits: { turns: turns as number } },
  )
  expect((await agent.run('go')).status).toBe('limit')
})
