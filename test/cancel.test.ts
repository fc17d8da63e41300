/** Stop means stop: a cancel reaches what is running at once, whether or not it listens. */
import { Agent, agentTool } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { agentOf, call, calls, deferred, failureOf, pause, scriptedModel, text, toolOf } from './support/kit.ts'
import { mapDurabilityPlugin } from './support/map-engine.ts'

/** An agent whose tool runs until it is stopped, and does not listen. */
function hanging() {
  const started = deferred()
  const signals: AbortSignal[] = []
  const hang = toolOf('hang', {
    execute: (_, { signal }) => {
      signals.push(signal)
      started.resolve()
      return new Promise(() => {})
    },
  })
  return { hang, started: started.promise, signals }
}

describe('a cancel by the signal of the run', () => {
  it('reaches a running tool at once, even if it ignores it', async () => {
    const { hang, started, signals } = hanging()
    const controller = new AbortController()
    const running = agentOf([calls(call('hang'), call('quick')), text('done')], { tools: [hang, toolOf('quick')] }).run(
      'go',
      { signal: controller.signal },
    )
    await started
    controller.abort('the user left')
    const result = await running
    expect(result).toMatchObject({ status: 'cancelled', reason: 'the user left', turns: 1 })
    expect(result.messages.at(-1)).toMatchObject({
      role: 'tool',
      content: [{ toolCallId: 'call-1-0' }, { toolCallId: 'call-1-1' }],
    })
    expect(signals[0]?.aborted).toBe(true)
    expect(signals[0]?.reason).toMatchObject({ code: 'CANCELLED' })
  })

  it('leaves the results of calls that had ended in the conversation', async () => {
    const { hang, started } = hanging()
    const controller = new AbortController()
    const agent = agentOf([calls(call('quick'), call('hang'), call('unheard-of')), text('done')], {
      tools: [hang, toolOf('quick')],
    })
    const running = agent.run('go', { signal: controller.signal })
    await started
    // The other tool is done in a few microtasks.
    await new Promise((resolve) => setImmediate(resolve))
    controller.abort()
    const { messages } = await running
    expect(messages.at(-1)?.content).toMatchObject([
      { output: { type: 'text', value: 'quick' } },
      { output: { type: 'error-text', value: expect.stringContaining('before this call had a known outcome') } },
      { output: { type: 'error-text', value: expect.stringContaining("no tool 'unheard-of'") } },
    ])
  })

  it('gives a tool that asks late a signal that is aborted', async () => {
    const seen = deferred<AbortSignal>()
    const started = deferred()
    const controller = new AbortController()
    const late = toolOf('late', {
      execute: async (_, context) => {
        started.resolve()
        await new Promise((resolve) => controller.signal.addEventListener('abort', resolve))
        await null
        seen.resolve(context.signal)
      },
    })
    const running = agentOf([call('late')], { tools: [late] }).run('go', { signal: controller.signal })
    await started.promise
    controller.abort()
    expect(await running).toMatchObject({ status: 'cancelled' })
    expect((await seen.promise).aborted).toBe(true)
  })

  it('reaches a running model at once, even if it ignores it', async () => {
    const started = deferred()
    const controller = new AbortController()
    const model = scriptedModel(
      () => {
        started.resolve()
        return calls(text('hm'), pause(new Promise(() => {})))
      },
      { ignoreAbort: true },
    )
    const running = agentOf(model).run('go', { signal: controller.signal })
    await started.promise
    controller.abort()
    const result = await running
    expect(result).toMatchObject({ status: 'cancelled', turns: 0 })
    expect('reason' in result).toBe(false)
  })

  it('before the run starts leaves nothing to be asked', async () => {
    const model = scriptedModel([text('x')])
    expect(await agentOf(model).run('go', { signal: AbortSignal.abort('early') })).toMatchObject({
      status: 'cancelled',
      reason: 'early',
    })
    expect(model.calls).toHaveLength(0)
  })

  it('of a run that nobody runs leaves it all that is recorded of it', async () => {
    const journal = new Map<string, string>()
    const script = [call('quick'), call('asked'), text('done')]
    const tools = [toolOf('quick'), toolOf('asked', { approval: true })]
    const run = (signal?: AbortSignal) =>
      agentOf(script, { tools, use: [mapDurabilityPlugin(journal)] }).run('go', {
        runId: 'r',
        ...(signal && { signal }),
      })
    const waiting = await run()
    const cancelled = await run(AbortSignal.abort('enough'))
    expect(cancelled).toMatchObject({ status: 'cancelled', reason: 'enough', turns: 2, usage: waiting.usage })
    expect(cancelled.messages.slice(0, 4)).toEqual(waiting.messages)
    expect(cancelled.messages).toHaveLength(5)
  })

  it('before the run starts on an engine is a cancelled run too', async () => {
    const agent = agentOf([text('x')], { use: [mapDurabilityPlugin(new Map())] })
    expect(await agent.run('go', { signal: AbortSignal.abort('early') })).toMatchObject({
      status: 'cancelled',
      reason: 'early',
    })
  })

  it('stops a timer of a hook', async () => {
    const controller = new AbortController()
    const agent = agentOf([text('x')])
    agent.on('BeforeModelCall', (event) => event.sleep('365d'))
    agent.on('BeforeWait', () => void setImmediate(() => controller.abort()))
    expect(await agent.run('go', { signal: controller.signal })).toMatchObject({ status: 'cancelled' })
  })

  it('reaches the steps of a sub-agent, whose own end is told', async () => {
    const { hang, started } = hanging()
    const ended: unknown[] = []
    const child = new Agent({ name: 'child', model: scriptedModel([call('hang')]), tools: [hang] })
    child.on('AfterInvocation', ({ status, error }) => void ended.push([status, error?.code]))
    const controller = new AbortController()
    const agent = agentOf([call('child', { prompt: 'x' })], { tools: [agentTool(child)] })
    agent.on('AfterInvocation', ({ status }) => void ended.push(status))
    const running = agent.run('go', { signal: controller.signal })
    await started
    controller.abort('stop')
    expect(await running).toMatchObject({ status: 'cancelled', reason: 'stop' })
    expect(ended).toEqual([['cancelled', 'CANCELLED'], 'cancelled'])
  })

  it('that comes when the run is over changes nothing, and is not listened for any more', async () => {
    const controller = new AbortController()
    const result = await agentOf([text('done')]).run('go', { signal: controller.signal })
    controller.abort()
    expect(result.status).toBe('completed')
  })
})

describe('cancelRun by a hook', () => {
  it('in a batch starts none of its steps; the first reason counts', async () => {
    const agent = agentOf([calls(call('a'), call('b'))], {
      tools: [toolOf('a', { execute: () => expect.unreachable() }), toolOf('b')],
    })
    agent.on('BeforeToolCall', (event) => {
      event.cancelRun(`not ${event.step.name}`)
      event.cancelRun('again')
    })
    expect(await agent.run('go')).toMatchObject({ status: 'cancelled', reason: 'not a' })
  })

  it('that fails to tell the last message fails the run', async () => {
    const agent = agentOf([call('a')], { tools: [toolOf('a')] })
    agent.on('BeforeToolCall', (event) => event.cancelRun('x'))
    agent.on('MessageAdded', ({ message }) => {
      if (message.role === 'tool') throw new Error('no store')
    })
    expect(await failureOf(agent.run('go'))).toMatchObject({
      code: 'HOOK_FAILED',
      message: expect.stringContaining('no store'),
    })
  })
})
