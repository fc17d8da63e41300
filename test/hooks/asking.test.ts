/** What a Before… hook may ask for: a person, a timer, a task. */
import type { Json } from 'holdfast'
import { isSuspended, wrapStep } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { agentOf, call, calls, failureOf, hooksOf, overTheWire, text, toolOf } from '../support/kit.ts'
import { mapDurabilityPlugin } from '../support/map-engine.ts'

const tools = [toolOf('search'), toolOf('book')]
const twoCalls = [calls(call('search'), call('book')), text('done')]

describe('interrupt', () => {
  it('gives the answer of a person, who is waited for outside', async () => {
    const answers: unknown[] = []
    const agent = agentOf([text('done')])
    agent.on('BeforeModelCall', async (event) => {
      answers.push(await event.interrupt({ name: 'sure', data: { cost: 5 } }))
    })
    const waiting = await agent.run('go', { runId: 'r' })
    expect(waiting).toMatchObject({ status: 'waiting', turns: 0 })
    expect(waiting.waits).toEqual([
      {
        id: '1/model/wait/app/sure',
        input: { type: 'interrupt', name: 'sure', data: { cost: 5 }, of: expect.any(String) },
      },
    ])
    const done = await agent.resume(overTheWire(waiting.state), { '1/model/wait/app/sure': { by: 'me' } })
    expect(done.status).toBe('completed')
    expect(answers).toEqual([{ by: 'me' }])
  })

  it('takes bytes and dates there and back', async () => {
    let answer: unknown
    const agent = agentOf([text('done')])
    agent.on('BeforeInvocation', async (event) => {
      answer = await event.interrupt({ name: 'when', data: { at: new Date(0) } })
    })
    const waiting = await agent.run('go')
    expect(waiting.waits).toMatchObject([
      { id: 'run/wait/app/when', input: { data: { at: { $date: '1970-01-01T00:00:00.000Z' } } } },
    ])
    await agent.resume(overTheWire(waiting.state), { 'run/wait/app/when': { at: new Date(5) } })
    expect(answer).toEqual({ at: new Date(5) })
  })

  it('of parallel calls are all open together; no tool starts before all are answered', async () => {
    const ran: string[] = []
    const track = (name: string) => toolOf(name, { execute: () => void ran.push(name) })
    const agent = agentOf(twoCalls, { tools: [track('search'), track('book')] })
    agent.on('BeforeToolCall', async (event) => void (await event.interrupt({ name: 'ok' })))
    const waiting = await agent.run('go')
    const ids = waiting.waits.map(({ id }) => id)
    expect(ids).toEqual(['1/tool/0/search/wait/app/ok', '1/tool/1/book/wait/app/ok'])
    const still = await agent.resume(waiting.state, { [ids[1] as string]: true })
    expect(still.waits.map(({ id }) => id)).toEqual(ids.slice(0, 1))
    expect(ran).toEqual([])
    const done = await agent.resume(overTheWire(still.state), { [ids[0] as string]: true })
    expect(done.status).toBe('completed')
    expect(ran).toEqual(['search', 'book'])
  })

  it('of one hook one after the other; the name twice is told apart by its order', async () => {
    const answers: unknown[][] = []
    const agent = agentOf([text('done')])
    agent.on('BeforeModelCall', async (event) => {
      answers.push([
        await event.interrupt({ name: 'a' }),
        await event.interrupt({ name: 'a' }),
        await event.interrupt({ name: 'b' }),
      ])
    })
    let result = await agent.run('go')
    const asked: string[] = []
    for (let n = 1; result.status === 'waiting'; n++) {
      expect(result.waits).toHaveLength(1)
      const { id } = result.waits[0] as { id: string }
      asked.push(id)
      result = await agent.resume(overTheWire(result.state), { [id]: n })
    }
    expect(asked).toEqual(['1/model/wait/app/a', '1/model/wait/app/a/2', '1/model/wait/app/b'])
    expect(answers).toEqual([[1, 2, 3]])
  })

  it('of several plugins have ids of their own', async () => {
    const asking = (name: string) =>
      hooksOf(name, { BeforeModelCall: async (event) => void (await event.interrupt({ name: 'ok' }).catch(() => {})) })
    const { waits } = await agentOf([text('done')], { use: [asking('a'), asking('b')] }).run('go')
    expect(waits.map(({ id }) => id)).toEqual(['1/model/wait/a/ok', '1/model/wait/b/ok'])
  })

  it('holds its step back also where the hook catches the suspension', async () => {
    let caught = 0
    const agent = agentOf([call('search'), text('done')], {
      tools: [toolOf('search', { execute: () => expect.unreachable() })],
    })
    agent.on('BeforeToolCall', async (event) => {
      try {
        await event.interrupt({ name: 'ok' })
      } catch (error) {
        expect(isSuspended(error)).toBe(true)
        caught++
      }
    })
    expect(await agent.run('go')).toMatchObject({ status: 'waiting', waits: [{ id: '1/tool/0/search/wait/app/ok' }] })
    expect(caught).toBe(1)
  })

  it('is bound to what was asked: a hook that asks something else asks anew', async () => {
    let cost = 5
    const agent = agentOf([text('done')])
    agent.on('BeforeModelCall', async (event) => void (await event.interrupt({ name: 'sure', data: { cost } })))
    const waiting = await agent.run('go')
    cost = 5000
    const again = await agent.resume(waiting.state, { '1/model/wait/app/sure': true })
    expect(again).toMatchObject({
      status: 'waiting',
      waits: [{ input: { data: { cost: 5000 } } }],
    })
    expect((await agent.resume(again.state, { [again.waits[0]?.id as string]: true })).status).toBe('completed')
  })

  it('is asked anew where another pass makes another question of it', async () => {
    const answers = new Map<string, Json>([
      ['r 1/tool/0/search/wait/app/city', 'Rome'],
      ['r 1/tool/1/book/wait/app/sure', 'no'],
      ['r 1/tool/1/book/wait/app/sure/2', 'yes'],
    ])
    const got: unknown[] = []
    const agent = agentOf(twoCalls, { tools, use: [mapDurabilityPlugin(new Map(), answers)] })
    agent.on('BeforeToolCall', async (event) => {
      if (event.step.name === 'book') got.push(await event.interrupt({ name: 'sure', data: event.run.state ?? null }))
      else event.run.state = await event.interrupt({ name: 'city' })
    })
    await agent.run('go', { runId: 'r' })
    expect(got).toEqual(['yes'])
  })

  it('refuses answers that do not fit its schema', async () => {
    const agent = agentOf([text('done')])
    const schema = { type: 'object', properties: { seats: { type: 'integer' } }, required: ['seats'] }
    agent.on('BeforeModelCall', async (event) => void (await event.interrupt({ name: 'seats', schema })))
    const { state } = await agent.run('go')
    const id = '1/model/wait/app/seats'
    expect(await failureOf(agent.resume(state, { [id]: { seats: 'many' } }))).toMatchObject({ code: 'ANSWER_INVALID' })
    expect((await agent.resume(state, { [id]: { seats: 2 } })).status).toBe('completed')
  })

  it('can only be asked by the hook itself, not later by what it wrapped', async () => {
    const agent = agentOf([text('done')])
    agent.on('BeforeModelCall', (event) => {
      event.step = wrapStep(event.step, async (run) => {
        const output = await run()
        await event.interrupt({ name: 'late' })
        return output
      })
    })
    expect(await failureOf(agent.run('go'))).toMatchObject({
      code: 'STEP_NOT_RECORDED',
      message: expect.stringContaining("interrupt 'late' of plugin 'app'"),
    })
  })

  it('that times out gives what onTimeout says, or throws STEP_TIMEOUT', async () => {
    const timeouts: unknown[] = []
    const engine = mapDurabilityPlugin(new Map())
    const port = { ...engine, hooks: { ...engine.hooks, BeforeWait: timesOut(timeouts) } }
    const agent = agentOf([text('done')], { use: [port] })
    let answer: unknown
    agent.on('BeforeModelCall', async (event) => {
      answer = await event.interrupt({ name: 'a', timeout: '2s', onTimeout: { answer: 'no' } })
    })
    expect((await agent.run('go', { runId: 'r' })).status).toBe('completed')
    expect([answer, timeouts]).toEqual(['no', [2000]])

    const other = agentOf([text('done')], { use: [port] })
    other.on('BeforeModelCall', async (event) => void (await event.interrupt({ name: 'a', timeout: 100 })))
    expect(await failureOf(other.run('go', { runId: 's' }))).toMatchObject({
      code: 'HOOK_FAILED',
      cause: { code: 'STEP_TIMEOUT', message: expect.stringContaining('onTimeout') },
    })
  })
})

/** The wait of an engine on which nobody ever answers in time. */
function timesOut(timeouts: unknown[]) {
  return (event: { step: { policy: { timeout?: number } } }): void => {
    timeouts.push(event.step.policy.timeout)
    event.step = { ...event.step, run: async () => ({ timedOut: true }) } as never
  }
}

describe('a counter', () => {
  it.each(['without', 'with'])('counts once across a batch that waits, %s an engine', async (engine) => {
    const answers = new Map<string, Json>()
    const journal = new Map<string, string>()
    const build = () => {
      const use = engine === 'with' ? [mapDurabilityPlugin(journal, answers)] : []
      const agent = agentOf(twoCalls, { tools, use })
      agent.on('BeforeToolCall', async (event) => {
        event.run.state ??= { calls: 0 }
        event.run.state.calls++
        if (event.step.name === 'book') await event.interrupt({ name: 'ok' })
      })
      return agent
    }
    const id = '1/tool/1/book/wait/app/ok'
    const waiting = await build().run('go', { runId: 'r' })
    expect(waiting.state.plugins).toEqual({})
    answers.set(`r ${id}`, true)
    const done =
      engine === 'with' ? await build().run('go', { runId: 'r' }) : await build().resume(waiting.state, { [id]: true })
    expect(done.state.plugins).toEqual({ app: { calls: 2 } })
  })

  it('of a run that is taken up twice from one state starts from that state each time', async () => {
    const agent = agentOf([call('book'), text('done')], { tools: [toolOf('book', { approval: true })] })
    agent.on('BeforeModelCall', ({ run }) => {
      run.state ??= { calls: [] }
      run.state.calls.push(run.turn)
    })
    const { state } = await agent.run('go')
    const before = overTheWire(state)
    for (let i = 0; i < 2; i++) {
      const done = await agent.resume(state, { '1/tool/0/book/approval': { approved: true } })
      expect(done.state.plugins).toEqual({ app: { calls: [1, 2] } })
      expect(state).toEqual(before)
    }
  })
})

describe('run.state', () => {
  it('that is undefined again is as if it had never been', async () => {
    const agent = agentOf([text('x')]).on('BeforeModelCall', ({ run }) => {
      run.state = 5
      run.state = undefined
    })
    expect((await agent.run('go')).state.plugins).toEqual({})
  })

  it('keeps dates as dates over a batch that waits', async () => {
    const agent = agentOf([call('book'), text('done')], { tools: [toolOf('book', { approval: true })] })
    const seen: unknown[] = []
    agent.on('BeforeModelCall', ({ run }) => {
      run.state ??= { since: new Date(0) }
    })
    agent.on('BeforeToolCall', ({ run }) => void seen.push(run.state))
    const { state } = await agent.run('go')
    await agent.resume(overTheWire(state), { '1/tool/0/book/approval': { approved: true } })
    expect(seen.length).toBeGreaterThan(1)
    for (const state of seen) expect(state).toEqual({ since: new Date(0) })
  })
})

describe('sleep', () => {
  it('is a timer of the run', async () => {
    const agent = agentOf([text('done')])
    const log: string[] = []
    agent.on('BeforeModelCall', async (event) => {
      log.push('begins')
      await event.sleep('1ms')
      await event.sleep(1)
      log.push('goes on')
    })
    agent.on('AfterWait', ({ step, outcome }) => void log.push(`${step.id} ${JSON.stringify(outcome)}`))
    expect((await agent.run('go')).status).toBe('completed')
    const over = '{"status":"ok","output":{"timedOut":true}}'
    expect(log).toEqual([
      'begins',
      `1/model/timer/app ${over}`,
      'begins',
      `1/model/timer/app/2 ${over}`,
      'begins',
      'goes on',
    ])
  })

  it('is refused where the engine has no timers', async () => {
    const agent = agentOf([text('done')], { use: [mapDurabilityPlugin(new Map())] })
    agent.on('BeforeModelCall', (event) => event.sleep(1))
    expect(await failureOf(agent.run('go'))).toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('timers'),
    })
  })
})

describe('task', () => {
  it('does named I/O of its plugin as a step, once per batch, and gives what it gave', async () => {
    const done: unknown[] = []
    const got: unknown[] = []
    const plugin = hooksOf(
      'prices',
      {
        BeforeToolCall: async (event) => {
          got.push(await event.task('look', { at: new Date(0) }))
          await event.interrupt({ name: 'ok' })
        },
      },
      {
        tasks: {
          look: (input, { stepId, execution, attempt, idempotencyKey, context }) => {
            done.push([input, { stepId, execution, attempt, idempotencyKey, context }])
            return new Date(1)
          },
        },
      },
    )
    const agent = agentOf([call('search'), text('done')], { tools, use: [plugin] })
    const { state } = await agent.run('go', { runId: 'r' })
    await agent.resume(overTheWire(state), { '1/tool/0/search/wait/prices/ok': true })
    const stepId = '1/tool/0/search/task/prices/look'
    const told = { stepId, execution: 1, attempt: 1, idempotencyKey: `r/${stepId}`, context: null }
    expect(done).toEqual([[{ at: new Date(0) }, told]])
    expect(got.length).toBeGreaterThan(1)
    for (const one of got) expect(one).toEqual(new Date(1))
  })

  it('that gives nothing gives null', async () => {
    const got: unknown[] = []
    const plugin = hooksOf(
      'p',
      { BeforeModelCall: async (event) => void got.push(await event.task('t')) },
      { tasks: { t: () => undefined } },
    )
    await agentOf([text('done')], { use: [plugin] }).run('go')
    expect(got).toEqual([null])
  })

  it.each(['without', 'with'])(
    'asked with another input in a later pass is a task of its own, %s an engine',
    async (engine) => {
      const [journal, answers] = [
        new Map<string, string>(),
        new Map<string, Json>([['r 1/tool/0/search/wait/p/city', 'Rome']]),
      ]
      const got: unknown[] = []
      const build = () => {
        const plugin = hooksOf(
          'p',
          {
            BeforeToolCall: async (event) => {
              if (event.step.name === 'book') got.push(await event.task('price', event.run.state ?? 'anywhere'))
              else event.run.state = await event.interrupt({ name: 'city' })
            },
          },
          { tasks: { price: (input) => `price of ${input}` } },
        )
        return agentOf(twoCalls, {
          tools,
          use: [plugin, ...(engine === 'with' ? [mapDurabilityPlugin(journal, answers)] : [])],
        })
      }
      const first = await build().run('go', { runId: 'r' })
      if (engine === 'without')
        await build().resume(overTheWire(first.state), { '1/tool/0/search/wait/p/city': 'Rome' })
      else expect(await build().run('go', { runId: 'r' })).toEqual(first)
      expect(got[0]).toBe('price of anywhere')
      expect(got.at(-1)).toBe('price of Rome')
    },
  )

  it('that fails throws TASK_FAILED in the hook, the same over the passes of a batch', async () => {
    let ran = 0
    const failures: unknown[] = []
    const plugin = hooksOf(
      'prices',
      {
        BeforeModelCall: async (event) => {
          failures.push(await failureOf(event.task('look')))
          await event.sleep(1)
        },
      },
      {
        tasks: {
          look: () => {
            ran++
            throw new Error('offline')
          },
        },
      },
    )
    await agentOf([text('done')], { use: [plugin] }).run('go')
    expect(failures).toMatchObject([
      { code: 'TASK_FAILED', message: 'offline' },
      { code: 'TASK_FAILED', message: 'offline' },
    ])
    expect(ran).toBe(1)
  })

  it('several run one after the other', async () => {
    const log: string[] = []
    const slow = async (input: unknown): Promise<unknown> => {
      log.push(`${input} begins`)
      await null
      log.push(`${input} ends`)
      return input
    }
    const plugin = hooksOf(
      'p',
      {
        BeforeModelCall: async (event) =>
          void log.push(String(await Promise.all([event.task('t', 'a'), event.task('t', 'b')]))),
      },
      { tasks: { t: slow } },
    )
    await agentOf([text('done')], { use: [plugin] }).run('go')
    expect(log).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'a,b'])
  })

  it('that nobody awaits is waited for before anything else goes on', async () => {
    const log: string[] = []
    const slow = async (input: unknown): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve))
      log.push(String(input))
    }
    const plugin = hooksOf(
      'p',
      {
        BeforeToolCall: (event) => {
          void event.task('t', 'a')
          void event.task('t', 'b')
        },
      },
      { tasks: { t: slow } },
    )
    const tools = [toolOf('search', { execute: () => void log.push('search') })]
    await agentOf([call('search'), text('done')], { use: [plugin], tools }).run('go')
    expect(log).toEqual(['a', 'b', 'search'])
  })

  it('that diverged blocks the run, whatever the hook catches', async () => {
    const journal = new Map<string, string>()
    const deploy = (input: string) =>
      agentOf([text('done')], {
        use: [
          mapDurabilityPlugin(journal),
          hooksOf(
            'p',
            {
              async BeforeModelCall(event) {
                try {
                  await event.task('t', input)
                } catch {
                  // It means to go on without.
                }
              },
            },
            { tasks: { t: () => 1 } },
          ),
        ],
      })
    await deploy('old').run('go', { runId: 'r' })
    for (const key of [...journal.keys()].slice(2)) journal.delete(key)
    expect(await failureOf(deploy('new').run('go', { runId: 'r' }))).toMatchObject({ code: 'DIVERGED' })
  })

  it('that the plugin does not have is TASK_UNKNOWN, which is no outcome but stops the run', async () => {
    const agent = agentOf([text('done')]).on('BeforeModelCall', async (event) => void (await event.task('nothing')))
    expect(await failureOf(agent.run('go'))).toMatchObject({
      code: 'TASK_UNKNOWN',
      kind: 'retryable',
      message: expect.stringContaining("'app.nothing'"),
    })
  })

  it('refuses an input and an output that is no JSON', async () => {
    const plugin = hooksOf(
      'p',
      {
        BeforeModelCall: async (event) => {
          expect(() => event.task('t', () => {})).toThrow(expect.objectContaining({ code: 'NOT_JSON' }))
          expect(await failureOf(event.task('t'))).toMatchObject({
            code: 'NOT_JSON',
            message: expect.stringContaining('step 1/model/task/p/t/2: output'),
          })
        },
      },
      { tasks: { t: () => new Map() } },
    )
    expect((await agentOf([text('done')], { use: [plugin] }).run('go')).status).toBe('completed')
  })
})
