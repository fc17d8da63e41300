/** A step ends in its durable part, or is settled; nothing that stops the run can be swallowed. */
import type { AgentPlugin, DurabilityPort, DurablePlaces, Json, Step } from 'holdfast'
import { agentTool, Agent, durable, HoldfastError, settledStep, withInput, wrapStep } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { agentOf, call, calls, failureOf, hooksOf, scriptedModel, text, toolOf } from '../support/kit.ts'
import { mapDurabilityPlugin } from '../support/map-engine.ts'

const tools = [toolOf('search')]
const script = [call('search', { q: 'x' }), text('done')]

function engineOf(places: DurablePlaces, port: Partial<DurabilityPort> = {}): AgentPlugin {
  return {
    name: 'own',
    durability: { engine: 'test', dispatch: 'closure', supports: { waits: true }, ...port },
    hooks: durable(places),
  }
}

/** Runs with a hook that makes something of the tool's step. */
function withHook(make: (step: Step<'tool'>) => unknown, use: readonly AgentPlugin[] = []): Promise<unknown> {
  const agent = agentOf(script, {
    tools,
    use: [
      ...use,
      hooksOf('guard', {
        BeforeToolCall: (event) => {
          event.step = make(event.step) as Step<'tool'>
        },
      }),
    ],
  })
  return agent.run('go', { runId: 'r' })
}

describe('STEP_NOT_RECORDED', () => {
  it.each([
    ['answers without run()', (step: Step) => wrapStep(step, async () => 'cached')],
    ['answers by hand', (step: Step) => ({ ...step, run: async () => 'cached' })],
    ['fails without run()', (step: Step) => wrapStep(step, () => Promise.reject(new Error('no')))],
  ])('is a step that %s', async (_, make) => {
    expect(await failureOf(withHook(make as never))).toMatchObject({
      code: 'STEP_NOT_RECORDED',
      message: expect.stringContaining('step 1/tool/0/search settled without its durable part (touched by guard)'),
      details: { step: '1/tool/0/search', plugins: ['guard'] },
    })
  })

  it('keeps what the step failed with as its cause', async () => {
    const error = await failureOf(withHook((step) => wrapStep(step, () => Promise.reject(new Error('no')))))
    expect((error as Error).cause).toMatchObject({ message: 'no' })
  })

  it.each([
    ['nothing', () => undefined],
    ['no step', () => ({})],
    ['a step of another kind', (step: Step) => ({ ...step, kind: 'task' })],
    ['another step', (step: Step) => ({ ...step, id: '1/tool/1/search' })],
  ])('is %s in event.step, at once', async (_, make) => {
    expect(await failureOf(withHook(make as never))).toMatchObject({
      code: 'STEP_NOT_RECORDED',
      message: expect.stringContaining(
        "plugin 'guard' put something into event.step that is not step 1/tool/0/search of kind tool",
      ),
    })
  })

  it('is a step that ran with another input than it has', async () => {
    const byHand = (step: Step<'tool'>) => ({ ...withInput(step, { q: 'y' }), run: () => step.run() })
    expect(await failureOf(withHook(byHand))).toMatchObject({
      code: 'STEP_NOT_RECORDED',
      message: expect.stringContaining('ran with another input than event.step has'),
    })
  })

  it('is a step that an engine gives no record for', async () => {
    const engine = engineOf({ execute: (step) => ({ ...step, run: async () => undefined as never }) })
    expect(await failureOf(withHook((step) => step, [engine]))).toMatchObject({
      code: 'STEP_NOT_RECORDED',
      message: expect.stringContaining("engine 'test' gave no record for step 0/start"),
    })
  })

  it('is no step that is settled, or run several times', async () => {
    expect(await withHook((step) => settledStep(step, 'no'))).toMatchObject({ status: 'completed' })
    expect(await withHook((step) => wrapStep(settledStep(step, 'no'), (run) => run()))).toMatchObject({
      status: 'completed',
    })
    expect(await withHook((step) => wrapStep(step, async (run) => [await run(), await run()]))).toMatchObject({
      status: 'completed',
    })
  })

  it('does not come from a step that is made by hand and runs the one before it', async () => {
    expect(await withHook((step) => ({ ...step, run: (context?: object) => step.run(context) }))).toMatchObject({
      status: 'completed',
    })
  })
})

describe('what a hook makes of an output', () => {
  it('is told to the model', async () => {
    const result = await withHook((step) => wrapStep(step, async (run) => ({ redacted: await run() })))
    expect(JSON.stringify(result)).toContain('{"type":"json","value":{"redacted":"search"}}')
  })

  it('must be JSON: refused with the step and the path', async () => {
    const result = await withHook((step) =>
      wrapStep(step, async (run) => ({ was: await run(), at: new Date(0) }) as never),
    )
    expect(JSON.stringify(result)).toContain('step 1/tool/0/search: output: $.at is an instance of Date')
    const nothing = await withHook((step) => wrapStep(step, async (run) => void (await run()) as never))
    expect(JSON.stringify(nothing)).toContain('step 1/tool/0/search: output: $ is undefined')
  })
})

describe('a wrapper that catches everything', () => {
  const catchAll = (step: Step<'tool'>) =>
    wrapStep(step, async (run) => {
      try {
        return await run()
      } catch {
        try {
          return await run()
        } catch {
          return 'fallback'
        }
      }
    })

  it('can go on from a failure of the tool', async () => {
    let tries = 0
    const agent = agentOf(script, {
      tools: [toolOf('search', { execute: () => Promise.reject(new Error(`${++tries}`)) })],
    })
    agent.on('BeforeToolCall', (event) => {
      event.step = catchAll(event.step)
    })
    expect(JSON.stringify(await agent.run('go'))).toContain('fallback')
    expect(tries).toBe(2)
  })

  it.each(['DIVERGED', 'CANCELLED', 'SUSPENDED', 'TOOL_UNKNOWN'] as const)(
    'swallows no %s, and runs nothing again',
    async (code) => {
      let runs = 0
      const kind = code === 'SUSPENDED' ? 'suspended' : 'terminal'
      const engine = engineOf({
        execute: (step) => ({
          ...step,
          run: (context) => {
            if (step.kind !== 'tool') return step.run(context)
            runs++
            return Promise.reject(new HoldfastError({ code, kind, message: 'stop' }))
          },
        }),
      })
      const outcome = await withHook(catchAll, [engine]).then(
        (result) => (result as { status: string }).status,
        (error: HoldfastError) => error.code,
      )
      expect(outcome).toBe(code === 'CANCELLED' ? 'cancelled' : code)
      expect(runs).toBe(1)
    },
  )

  it('around a whole run swallows no wait', async () => {
    const agent = agentOf(script, { tools: [toolOf('search', { approval: true })] })
    agent.on('BeforeInvocation', (event) => {
      event.step = wrapStep(event.step, (run) => run().catch(() => 'fallback'))
    })
    expect(await agent.run('go')).toMatchObject({ status: 'waiting', waits: [{ id: '1/tool/0/search/approval' }] })
  })

  it('around a whole run can answer in place of a failure, and the conversation stays valid', async () => {
    const agent = agentOf(script, { tools })
    agent.on('BeforeToolCall', () => {
      throw new Error('broken hook')
    })
    agent.on('BeforeInvocation', (event) => {
      event.step = wrapStep(event.step, (run) => run().catch(() => 'sorry'))
    })
    const result = await agent.run('go')
    expect(result).toMatchObject({ status: 'completed', text: 'sorry' })
    expect(result.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant'])
  })
})

describe('an engine', () => {
  it('that fails is no outcome of the step: the run stops, the model is told nothing', async () => {
    const engine = engineOf({ execute: (step) => ({ ...step, run: () => Promise.reject(new Error('disk full')) }) })
    expect(await failureOf(withHook((step) => step, [engine]))).toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
      kind: 'retryable',
      message: expect.stringContaining("engine 'test' failed at step 0/start: disk full"),
    })
  })

  it('that fails with what is no error is told so', async () => {
    const engine = engineOf({ execute: (step) => ({ ...step, run: () => Promise.reject('no disk') }) })
    expect(await failureOf(withHook((step) => step, [engine]))).toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
      message: expect.stringContaining('no disk'),
    })
  })

  it('that retries by itself is given retryable failures; its last word is the outcome', async () => {
    const retries: unknown[] = []
    const engine = engineOf(
      {
        execute: (step) => ({
          ...step,
          async run(context) {
            for (let attempt = 1; attempt < 3; attempt++) {
              try {
                return await step.run({ ...context, attempt })
              } catch (error) {
                retries.push((error as HoldfastError).kind)
              }
            }
            return step.run({ ...context, attempt: 3 })
          },
        }),
      },
      { supports: { retries: true } },
    )
    let ran = 0
    const flaky = toolOf('search', {
      retry: { initialInterval: '1d' },
      execute: (_, { attempt }) => (++ran < 3 ? Promise.reject(new Error('busy')) : attempt),
    })
    const result = await agentOf(script, { tools: [flaky], use: [engine] }).run('go')
    expect(result.messages[2]).toMatchObject({ content: [{ output: { value: 3 } }] })
    expect(retries).toEqual(['retryable', 'retryable'])
  })

  it('without a place for waits is refused the step: UNSUPPORTED', async () => {
    const agent = agentOf(script, { tools, use: [engineOf({ execute: (step) => step })] })
    agent.on('BeforeModelCall', async (event) => void (await event.interrupt({ name: 'x' })))
    expect(await failureOf(agent.run('go'))).toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining(
        "engine 'test' can't do step 1/model/wait/app/x: its plugin has no place for steps of kind wait",
      ),
    })
  })

  it('that says it supports no waits is refused them', async () => {
    const agent = agentOf(script, {
      tools,
      use: [engineOf({ execute: (step) => step, wait: (step) => step }, { supports: {} })],
    })
    agent.on('BeforeModelCall', async (event) => void (await event.interrupt({ name: 'x' })))
    expect(await failureOf(agent.run('go'))).toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('does not support waits'),
    })
  })

  it('whose place throws is named by its plugin: HOOK_FAILED', async () => {
    const engine = engineOf({ execute: (step) => step })
    const broken = { ...engine, hooks: { ...engine.hooks, BeforeTask: () => Promise.reject(new Error('mine')) } }
    expect(await failureOf(withHook((step) => step, [broken]))).toMatchObject({
      code: 'HOOK_FAILED',
      details: { plugin: 'own' },
    })
  })

  it('is given the run: id, agent, spec, context, messages, a way to cancel', async () => {
    const seen: Json[] = []
    const engine = engineOf({
      execute: (step, run) => {
        const { runId, agent, context, onWait } = run
        seen.push([
          step.id,
          runId,
          agent,
          context,
          onWait,
          run.messages({ length: 1, digest: '' }).length,
          run.spec.name,
        ])
        if (step.id === '1/tool/0/search') run.cancel('by the engine')
        expect(run.signal.aborted).toBe(step.id === '1/tool/0/search')
        return step
      },
    })
    const result = await agentOf(script, { tools, use: [engine] }).run('go', {
      runId: 'r',
      context: 5,
      onWait: 'block',
    })
    expect(result).toMatchObject({ status: 'cancelled', reason: 'by the engine' })
    expect(seen.map((one) => (one as Json[]).slice(1))).toEqual(seen.map(() => ['r', 'main', 5, 'block', 1, 'main']))
    expect(seen).toHaveLength(3)
  })
})

describe('record, then act', () => {
  it('a reply is recorded before one of its calls starts or an approval is asked', async () => {
    const log: string[] = []
    class Journal extends Map<string, string> {
      override set(key: string, value: string): this {
        log.push(`recorded ${key.slice(2)}`)
        return super.set(key, value)
      }
    }
    const agent = agentOf([calls(call('search'), call('book')), text('done')], {
      tools: [
        toolOf('search', { execute: () => void log.push('search starts') }),
        toolOf('book', { approval: true, execute: () => void log.push('book starts') }),
      ],
      use: [mapDurabilityPlugin(new Journal(), new Map([['r 1/tool/1/book/approval', { approved: true }]]))],
    })
    agent.on('BeforeWait', () => void log.push('asked'))
    await agent.run('go', { runId: 'r' })
    expect(log.slice(0, 6)).toEqual([
      'recorded 0/start',
      'recorded 1/model',
      'asked',
      'search starts',
      'book starts',
      'recorded 1/tool/0/search',
    ])
  })
})

describe('a sub-agent', () => {
  it('is never executed as one step; the engine sees its steps', async () => {
    const seen: string[] = []
    const child = new Agent({ name: 'child', model: scriptedModel([text('hi')]) })
    const engine = engineOf({
      execute: (step) => {
        seen.push(step.id)
        return step
      },
    })
    await agentOf([call('child', { prompt: 'x' }), text('done')], { tools: [agentTool(child)], use: [engine] }).run(
      'go',
    )
    expect(seen).toEqual(['0/start', '1/model', '1/agent/0/child/1/model', '2/model'])
  })
})
