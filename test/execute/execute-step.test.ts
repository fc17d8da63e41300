/** What executes a step: retries, timeouts, what a worker lacks, sub-agents. */
import type { ExecuteContext, StepDescriptor } from 'holdfast'
import { Agent, agentTool, executeStep, fingerprint, HoldfastError, tool } from 'holdfast'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  agentOf,
  attempts,
  call,
  calls,
  failureOf,
  reply,
  retryableFailure,
  scriptedModel,
  terminalFailure,
  text,
  toolOf,
} from '../support/kit.ts'

afterEach(() => void vi.useRealTimers())

function stepOf(agent: Agent, kind: 'tool' | 'model' | 'task', name: string, input: unknown = {}): StepDescriptor {
  const policy = agent.describe().tools.find((spec) => spec.name === name)?.policy ?? agent.describe().modelPolicy
  const base = { length: 0, digest: '' }
  const given =
    kind === 'model' ? { model: name, base, append: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] } : input
  return { kind, id: `1/${kind}/0/${name}`, execution: 1, name, input: given, policy } as StepDescriptor
}

function contextOf(agent: Agent, over: Partial<ExecuteContext> = {}): ExecuteContext {
  return { runId: 'r', spec: agent.describe(), messages: () => [], retries: 'engine', ...over }
}

const execute = (agent: Agent, step: StepDescriptor, over: Partial<ExecuteContext> = {}) =>
  executeStep(agent, step, contextOf(agent, over))

describe('executeStep', () => {
  it('gives a record: the fingerprint, and what came of the step', async () => {
    const agent = agentOf([text('hi')], {
      tools: [toolOf('a'), toolOf('b', { execute: () => Promise.reject(new RangeError('no')) })],
    })
    const a = stepOf(agent, 'tool', 'a')
    expect(await execute(agent, a)).toEqual({ of: fingerprint(a), output: 'a' })
    expect(await execute(agent, stepOf(agent, 'tool', 'b'))).toMatchObject({
      error: {
        code: 'TOOL_FAILED',
        kind: 'terminal',
        message: 'no',
        details: { tool: 'b' },
        cause: { name: 'RangeError' },
      },
    })
    expect(await execute(agent, stepOf(agent, 'model', 'default'))).toMatchObject({
      output: { message: { role: 'assistant' } },
    })
  })

  it('executes the step of a sub-agent with the sub-agent', async () => {
    const inner = new Agent({ name: 'inner', model: scriptedModel([text('x')]), tools: [toolOf('deep')] })
    const middle = new Agent({ name: 'middle', model: scriptedModel([text('x')]), tools: [agentTool(inner)] })
    const agent = agentOf([text('x')], { tools: [agentTool(middle)] })
    const step = stepOf(inner, 'tool', 'deep')
    expect(await execute(agent, step, { agent: 'inner', spec: inner.describe() })).toMatchObject({ output: 'deep' })
    expect(await failureOf(execute(agent, step, { agent: 'gone' }))).toMatchObject({
      code: 'TOOL_UNKNOWN',
      kind: 'retryable',
    })
  })

  it.each([
    ['tool', 'gone', 'TOOL_UNKNOWN'],
    ['tool', 'declared', 'TOOL_UNKNOWN'],
    ['model', 'gone', 'MODEL_UNKNOWN'],
    ['task', 'plugin.gone', 'TASK_UNKNOWN'],
    ['task', 'holdfast.compact', 'TASK_UNKNOWN'],
  ] as const)('rejects for a %s that is not here (%s): %s, retryable, and no record', async (kind, name, code) => {
    const agent = agentOf([], { tools: [tool({ name: 'declared', input: {} })], use: [{ name: 'plugin', tasks: {} }] })
    for (const retries of ['engine', 'here'] as const) {
      expect(await failureOf(execute(agent, stepOf(agent, kind, name), { retries }))).toMatchObject({
        code,
        kind: 'retryable',
      })
    }
  })

  it('leaves retries to the engine where it is told so: a retryable failure rejects', async () => {
    const agent = agentOf([retryableFailure({ statusCode: 429, retryAfter: 1500 })], {
      tools: [toolOf('a', { retry: {}, execute: () => Promise.reject(new Error('busy')) })],
    })
    expect(await failureOf(execute(agent, stepOf(agent, 'model', 'default')))).toMatchObject({
      code: 'MODEL_FAILED',
      kind: 'retryable',
      retryAfter: 1500,
    })
    expect(await failureOf(execute(agent, stepOf(agent, 'tool', 'a'), { attempt: 3 }))).toMatchObject({
      code: 'TOOL_FAILED',
      kind: 'retryable',
    })
  })

  it('never leaves a once step to be tried again by an engine: its failure is its outcome', async () => {
    const failing = () => Promise.reject(new HoldfastError({ code: 'TOOL_FAILED', kind: 'retryable', message: 'busy' }))
    const agent = agentOf([], { tools: [toolOf('book', { effect: 'once', execute: failing })] })
    expect(await execute(agent, stepOf(agent, 'tool', 'book'))).toMatchObject({
      error: { code: 'TOOL_FAILED', message: 'busy' },
    })
  })

  it('tells a tool its attempt, as the engine counts it', async () => {
    const told: unknown[] = []
    const agent = agentOf([], { tools: [toolOf('a', { execute: (_, { attempt }) => void told.push(attempt) })] })
    await execute(agent, stepOf(agent, 'tool', 'a'), { attempt: 4 })
    expect(told).toEqual([4])
  })

  it('stops at the signal of the engine, before and while it runs', async () => {
    const agent = agentOf([], { tools: [toolOf('a', { execute: () => new Promise(() => {}) })] })
    const controller = new AbortController()
    const running = failureOf(execute(agent, stepOf(agent, 'tool', 'a'), { signal: controller.signal }))
    controller.abort('gone')
    expect(await running).toMatchObject({ code: 'CANCELLED', cause: 'gone' })
    expect(await failureOf(execute(agent, stepOf(agent, 'tool', 'a'), { signal: controller.signal }))).toMatchObject({
      code: 'CANCELLED',
    })
  })

  it('asks for the messages of the base', async () => {
    const model = scriptedModel(() => text('hm'))
    const agent = agentOf(model)
    const before = [{ role: 'user', content: [{ type: 'text', text: 'before' }] }] as const
    await execute(agent, stepOf(agent, 'model', 'default'), { messages: async () => before })
    expect(model.calls[0]?.prompt.map(({ content }) => content)).toMatchObject([[{ text: 'before' }], [{ text: 'x' }]])
  })
})

describe('a worker that lacks what a run’s spec has', () => {
  const declared = agentOf([], {
    tools: [toolOf('n', { input: { type: 'object', required: ['n'] } }), toolOf('ask', { approval: () => false })],
    output: { type: 'object', required: ['id'] },
  }).describe()

  it('judges calls by the declaration; what may need an approval needs one', async () => {
    const worker = agentOf([calls(call('n'), call('n', { n: 1 }), call('ask'))])
    expect(await execute(worker, stepOf(worker, 'model', 'default'), { spec: declared })).toMatchObject({
      output: {
        calls: [
          { toolName: 'n', invalid: expect.stringContaining('$.n: is required') },
          { toolCallId: 'call-1-1', toolName: 'n', input: { n: 1 } },
          { toolName: 'ask', needsApproval: true },
        ],
      },
    })
  })

  it('judges structured output by the declaration', async () => {
    const worker = agentOf(scriptedModel((_, __, attempt) => text(attempt === 1 ? '{}' : '{"id":1}')))
    const step = stepOf(worker, 'model', 'default')
    expect(await execute(worker, step, { spec: declared })).toMatchObject({
      output: { outputInvalid: expect.stringContaining('$.id') },
    })
    expect(await execute(worker, step, { spec: declared })).toMatchObject({ output: { output: { id: 1 } } })
  })

  it('says that there are no tools where there are none', async () => {
    const worker = agentOf([call('x')])
    expect(await execute(worker, stepOf(worker, 'model', 'default'))).toMatchObject({
      output: { calls: [{ invalid: "There is no tool 'x'. The tools are: none." }] },
    })
  })
})

describe('a reply', () => {
  it('is recorded with what the provider says besides', async () => {
    const script = [reply(text('x'), { providerMetadata: { p: { id: 5 } } })]
    const model = { ...scriptedModel(script), specificationVersion: 'v3' } as never
    const worker = new Agent({ name: 'w', model, settings: { reasoning: 'high' } })
    const step = stepOf(worker, 'model', 'default')
    const input = { ...(step.input as object), settings: { reasoning: 'high' } }
    expect(await execute(worker, { ...step, input } as StepDescriptor)).toMatchObject({
      output: { providerMetadata: { p: { id: 5 } }, response: { id: 'reply-1' }, warnings: [{ feature: 'reasoning' }] },
    })
  })
})

describe('retries in this process', () => {
  /** Waits as if time went by, and says how long each wait was. */
  async function timed<T>(work: () => Promise<T>): Promise<{ waits: number[]; result: T }> {
    vi.useFakeTimers()
    const waits: number[] = []
    let done = false
    const result = work().finally(() => {
      done = true
    })
    let last = Date.now()
    for (;;) {
      for (let i = 0; i < 50; i++) await Promise.resolve()
      if (done) break
      vi.advanceTimersToNextTimer()
      waits.push(Date.now() - last)
      last = Date.now()
    }
    return { waits, result: await result }
  }
  const failing = (times: number) => {
    let ran = 0
    return () => (++ran > times ? `after ${ran}` : Promise.reject(new Error(`busy ${ran}`)))
  }

  it('follow the policy: intervals that grow up to the largest', async () => {
    const agent = agentOf([], {
      tools: [
        toolOf('a', {
          retry: { maxAttempts: 5, initialInterval: '1s', backoff: 3, maxInterval: '10s' },
          execute: failing(4),
        }),
      ],
    })
    const { waits, result } = await timed(() => execute(agent, stepOf(agent, 'tool', 'a'), { retries: 'here' }))
    expect(result).toMatchObject({ output: 'after 5' })
    expect(waits).toEqual([1000, 3000, 9000, 10_000])
  })

  it('end with the last failure as the outcome', async () => {
    const agent = agentOf([], { tools: [toolOf('a', { retry: { maxAttempts: 2 }, execute: failing(9) })] })
    const { waits, result } = await timed(() => execute(agent, stepOf(agent, 'tool', 'a'), { retries: 'here' }))
    expect(result).toMatchObject({ error: { code: 'TOOL_FAILED', kind: 'retryable', message: 'busy 2' } })
    expect(waits).toEqual([1000])
  })

  it('honour retryAfter of a model in place of the policy', async () => {
    const agent = agentOf([attempts(retryableFailure({ retryAfter: 7000 }), retryableFailure(), text('there'))], {
      modelRetry: { initialInterval: '2s' },
    })
    const { waits, result } = await timed(() => execute(agent, stepOf(agent, 'model', 'default'), { retries: 'here' }))
    expect(result).toMatchObject({ output: { finishReason: 'stop' } })
    expect(waits).toEqual([7000, 4000])
  })

  it('are not made for terminal failures, nor without a policy', async () => {
    const model = scriptedModel([terminalFailure()])
    const terminal = new HoldfastError({ code: 'TOOL_FAILED', message: 'never' })
    let ran = 0
    const agent = agentOf(model, {
      tools: [
        toolOf('a', { retry: {}, execute: () => Promise.reject(++ran && terminal) }),
        toolOf('b', { execute: () => Promise.reject(new Error(`${++ran}`)) }),
      ],
    })
    expect(await execute(agent, stepOf(agent, 'model', 'default'), { retries: 'here' })).toMatchObject({
      error: { code: 'MODEL_FAILED' },
    })
    expect(await execute(agent, stepOf(agent, 'tool', 'a'), { retries: 'here' })).toMatchObject({
      error: { message: 'never' },
    })
    expect(await execute(agent, stepOf(agent, 'tool', 'b'), { retries: 'here' })).toMatchObject({
      error: { kind: 'terminal' },
    })
    expect([model.calls.length, ran]).toEqual([1, 2])
  })

  it('are not waited for by a step without a policy that fails as retryable', async () => {
    const agent = agentOf([], {
      tools: [
        toolOf('a', {
          execute: () => Promise.reject(new HoldfastError({ code: 'TOOL_FAILED', kind: 'retryable', message: 'x' })),
        }),
      ],
    })
    expect(await execute(agent, stepOf(agent, 'tool', 'a'), { retries: 'here' })).toMatchObject({
      error: { kind: 'retryable' },
    })
  })

  it('stop at a cancel while they wait', async () => {
    vi.useFakeTimers()
    const controller = new AbortController()
    const agent = agentOf([], { tools: [toolOf('a', { retry: { initialInterval: '1d' }, execute: failing(9) })] })
    const running = failureOf(
      execute(agent, stepOf(agent, 'tool', 'a'), { retries: 'here', signal: controller.signal }),
    )
    while (vi.getTimerCount() === 0) await Promise.resolve()
    controller.abort()
    expect(await running).toMatchObject({ code: 'CANCELLED' })
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a timeout', () => {
  it('reaches the signal of the tool and is tried again by the policy', async () => {
    vi.useFakeTimers()
    const signals: AbortSignal[] = []
    const agent = agentOf([], {
      tools: [
        toolOf('a', {
          timeout: '30s',
          retry: { maxAttempts: 2 },
          execute: (_, { signal }) => {
            signals.push(signal)
            return new Promise(() => {})
          },
        }),
      ],
    })
    const running = execute(agent, stepOf(agent, 'tool', 'a'), { retries: 'here' })
    await vi.runAllTimersAsync()
    expect(await running).toMatchObject({
      error: {
        code: 'STEP_TIMEOUT',
        kind: 'retryable',
        message: 'step 1/tool/0/a took more than 30000 ms',
        details: { timeout: 30_000 },
      },
    })
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true])
    expect(signals[0]?.reason).toMatchObject({ code: 'STEP_TIMEOUT' })
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves no timer behind where the step is done before', async () => {
    vi.useFakeTimers()
    const agent = agentOf([], { tools: [toolOf('a', { timeout: '1h' })] })
    await execute(agent, stepOf(agent, 'tool', 'a'))
    expect(vi.getTimerCount()).toBe(0)
  })

  it('of a model goes by modelTimeout', async () => {
    vi.useFakeTimers()
    const agent = agentOf(
      scriptedModel(() => new Promise<never>(() => {})),
      { modelTimeout: '10s', modelRetry: { maxAttempts: 1 } },
    )
    const running = execute(agent, stepOf(agent, 'model', 'default'), { retries: 'here' })
    await vi.runAllTimersAsync()
    expect(await running).toMatchObject({ error: { code: 'STEP_TIMEOUT' } })
  })
})

describe('an error that a tool throws', () => {
  it.each(['CANCELLED', 'RUN_NOT_FOUND', 'ENGINE_UNAVAILABLE', 'DIVERGED', 'SUSPENDED'] as const)(
    'of another run (%s) is a failure of the tool',
    async (code) => {
      const thrown = new HoldfastError({
        code,
        message: 'of another run',
        ...(code === 'SUSPENDED' && { kind: 'suspended' }),
      })
      const agent = agentOf([], { tools: [toolOf('a', { execute: () => Promise.reject(thrown) })] })
      expect(await execute(agent, stepOf(agent, 'tool', 'a'))).toMatchObject({
        error: { code: 'TOOL_FAILED', kind: 'terminal', message: 'of another run', cause: { name: 'HoldfastError' } },
      })
    },
  )

  it('that is retryable stays so', async () => {
    const thrown = new HoldfastError({ code: 'ENGINE_UNAVAILABLE', kind: 'retryable', message: 'later' })
    const agent = agentOf([], { tools: [toolOf('a', { execute: () => Promise.reject(thrown) })] })
    expect(await failureOf(execute(agent, stepOf(agent, 'tool', 'a')))).toMatchObject({
      code: 'TOOL_FAILED',
      kind: 'retryable',
    })
  })
})
