import { Agent, agentTool, providerTool } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agentOf, call, failureOf, hooksOf, overTheWire, scriptedModel, text, toolOf } from './support/kit.ts'
import { mapDurabilityPlugin } from './support/map-engine.ts'

const invalid = (message: string) =>
  expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) })

describe('describe()', () => {
  const child = new Agent({ name: 'child', model: scriptedModel([]), instructions: 'help' })
  const agent = new Agent({
    name: 'travel',
    models: { fast: scriptedModel([]), smart: scriptedModel([]) },
    settings: { temperature: 0 },
    toolChoice: 'required',
    instructions: 'You book trips.',
    tools: [
      toolOf('search', { description: 'looks', timeout: '30s', retry: {} }),
      toolOf('book', {
        effect: 'once',
        approval: true,
        approvalTimeout: '1h',
        reconcile: () => ({ status: 'unknown' }),
        onUnknown: 'error',
        strict: true,
        providerOptions: { x: { y: 1 } },
      }),
      agentTool(child, { description: 'helps', approval: true, approvalTimeout: 5 }),
      providerTool({ id: 'openai.web_search', name: 'web', args: { since: new Date(0) } }),
    ],
    limits: { turns: 20, tokens: 1000 },
    output: z.object({ id: z.string() }),
    compact: { when: { messages: 50 }, with: (messages) => messages },
    modelTimeout: '2m',
    modelRetry: { maxAttempts: 5 },
  })

  it('is pure JSON and a wire format', () => {
    const spec = agent.describe()
    expect(overTheWire(spec)).toEqual(spec)
    const policy = { effect: 'repeatable' }
    const retry = { maxAttempts: 3, backoff: 2, initialInterval: 1000, maxInterval: 60_000 }
    expect(spec).toEqual({
      version: 1,
      name: 'travel',
      instructions: 'You book trips.',
      models: ['fast', 'smart'],
      settings: { temperature: 0 },
      toolChoice: 'required',
      tools: [
        {
          type: 'tool',
          name: 'search',
          description: 'looks',
          inputSchema: { type: 'object' },
          approval: 'never',
          policy: { effect: 'repeatable', timeout: 30_000, retry },
          reconcile: false,
          onUnknown: 'wait',
        },
        {
          type: 'tool',
          name: 'book',
          inputSchema: { type: 'object' },
          approval: 'always',
          approvalTimeout: 3_600_000,
          policy: { effect: 'once' },
          reconcile: true,
          onUnknown: 'error',
          strict: true,
          providerOptions: { x: { y: 1 } },
        },
        {
          type: 'agent',
          name: 'child',
          description: 'helps',
          inputSchema: expect.objectContaining({ required: ['prompt'] }),
          approval: 'always',
          approvalTimeout: 5,
          policy,
          reconcile: false,
          onUnknown: 'error',
          agent: child.describe(),
        },
        {
          type: 'provider',
          name: 'web',
          inputSchema: {},
          approval: 'never',
          policy,
          reconcile: false,
          onUnknown: 'error',
          provider: { id: 'openai.web_search', args: { since: { $date: '1970-01-01T00:00:00.000Z' } } },
        },
      ],
      limits: { turns: 20, tokens: 1000 },
      output: expect.objectContaining({ type: 'object', required: ['id'] }),
      compact: { messages: 50 },
      modelPolicy: { effect: 'repeatable', timeout: 120_000, retry: { ...retry, maxAttempts: 5 } },
    })
    expect(child.describe()).toEqual({
      version: 1,
      name: 'child',
      instructions: 'help',
      models: ['default'],
      tools: [],
      limits: { turns: 50 },
      modelPolicy: { effect: 'repeatable', retry },
    })
  })

  it('makes an agent of the same shape: new Agent(spec)', () => {
    const again = new Agent(overTheWire(agent.describe()))
    expect(again.describe()).toEqual(agent.describe())
    expect(again.definition.tools.get('child')?.agent?.spec).toEqual(child.describe())
    expect(again.definition.models).toEqual({})
  })
})

describe('a provider tool', () => {
  it('may have no arguments', () => {
    expect(providerTool({ id: 'x.search', name: 'search' }).spec.provider).toEqual({ id: 'x.search', args: {} })
  })
})

describe('an agent of a spec', () => {
  it('says what it lacks when it is asked to execute', async () => {
    const spec = agentOf([text('x')]).describe()
    expect(await failureOf(new Agent(spec).run('go'))).toMatchObject({ code: 'MODEL_UNKNOWN', kind: 'retryable' })
  })
})

describe('a name', () => {
  it.each(['', 'a b', 'a/b', 'a#2', 'x'.repeat(65), 'ä'])('that would break step ids is refused: %o', (name) => {
    expect(() => agentOf([], { name })).toThrow(invalid("can't be the name of a agent"))
    expect(() => toolOf(name)).toThrow(invalid('tool'))
    expect(() => agentOf([]).use({ name })).toThrow(invalid('plugin'))
    expect(() => agentTool(agentOf([]), { name })).toThrow(invalid('tool'))
  })

  it('stands for one tool of an agent', () => {
    expect(() => agentOf([], { tools: [toolOf('a'), toolOf('b'), toolOf('a')] })).toThrow(
      invalid("two tools named 'a'"),
    )
  })

  it('stands for one plugin of an agent', () => {
    expect(() => agentOf([], { use: [{ name: 'a' }, { name: 'a' }] })).toThrow(
      invalid("can't have a plugin 'a': there is one already"),
    )
  })

  it.each(['app', 'holdfast'])('of a plugin is not %s, which has a meaning', (name) => {
    expect(() =>
      agentOf([])
        .on('BeforeModelCall', () => {})
        .use({ name }),
    ).toThrow(invalid('has a meaning of its own'))
  })

  it('of a plugin for one run is checked as well', async () => {
    const agent = agentOf([text('x')], { use: [{ name: 'a' }] }).on('AfterTask', () => {})
    for (const name of ['a', 'app', 'a b']) {
      expect(await failureOf(agent.run('go', { plugins: [{ name }] }))).toMatchObject({ code: 'CONFIG_INVALID' })
    }
    expect((await agent.run('go', { plugins: [{ name: 'b' }] })).status).toBe('completed')
  })
})

describe('use() and on()', () => {
  it('are refused after the first run, and after the agent became a sub-agent', async () => {
    const agent = agentOf([text('x')])
    await agent.run('go')
    expect(() => agent.use({ name: 'late' })).toThrow(invalid("use() came after the first run of agent 'main'"))
    expect(() => agent.on('BeforeModelCall', () => {})).toThrow(invalid('on()'))
    const child = agentOf([])
    agentTool(child)
    expect(() => child.on('BeforeModelCall', () => {})).toThrow(invalid('on()'))
  })

  it('give the plugins in the order of registration', () => {
    const agent = agentOf([], { use: [{ name: 'b', enforce: 'post' }, { name: 'a' }] })
    expect(agent.plugins.map(({ name }) => name)).toEqual(['b', 'a'])
    expect(agent.definition.plugins.map(({ name }) => name)).toEqual(['a', 'b'])
  })
})

describe('run options', () => {
  it.each(['', 5])('refuse a runId that is no text: %o', async (runId) => {
    expect(await failureOf(agentOf([]).run('go', { runId: runId as string }))).toMatchObject({ code: 'CONFIG_INVALID' })
    expect(await failureOf(agentOf([]).stream('go', { runId: runId as string }).result)).toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })

  it('refuse what is no JSON, with its path', async () => {
    const nope = { nope: () => {} } as never
    for (const [options, where] of [
      [{ context: nope }, 'options.context: $.nope'],
      [{ messages: [nope] }, 'options.messages: $[0].nope'],
    ] as const) {
      expect(await failureOf(agentOf([]).run('go', options))).toMatchObject({
        code: 'NOT_JSON',
        message: expect.stringContaining(where),
      })
    }
    expect(await failureOf(agentOf([]).run([nope]))).toMatchObject({
      code: 'NOT_JSON',
      message: expect.stringContaining('input: $[0].nope'),
    })
  })

  it('make up a runId of its own for each run without one', async () => {
    const agent = agentOf([text('x')])
    const ids = await Promise.all([agent.run('go'), agent.run('go')])
    expect(new Set(ids.map(({ runId }) => runId)).size).toBe(2)
  })

  it('are copied: what the caller has stays the caller’s, and does not change the run', async () => {
    const model = scriptedModel([text('x')])
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'before' }] }] as const
    const input = [{ type: 'text', text: 'go' }] as const
    await agentOf(model).run(input, { messages })
    expect([messages, messages[0], input, input[0]].some((each) => Object.isFrozen(each))).toBe(false)
    expect(model.calls[0]?.prompt).toHaveLength(2)
  })

  it('may have plugins for this run alone, hooks and middleware', async () => {
    const log: string[] = []
    const agent = agentOf([text('x')], { use: [hooksOf('a', { BeforeModelCall: () => void log.push('a') })] })
    const plugin = hooksOf(
      'b',
      { BeforeModelCall: () => void log.push('b') },
      {
        enforce: 'pre',
        middleware: {
          model: (request, next) => {
            log.push('middleware')
            return next(request)
          },
        },
      },
    )
    await agent.run('go', { plugins: [plugin] })
    await agent.run('go')
    expect(log).toEqual(['b', 'a', 'middleware', 'a'])
  })
})

describe('an agent and its engine', () => {
  const engine = (name: string) => ({ ...mapDurabilityPlugin(new Map()), name })
  const byName = { name: 'names', durability: { engine: 'names', dispatch: 'name', supports: {} } } as const

  it('has one: two are DURABILITY_CONFLICT, also with one for the run', async () => {
    const conflict = { code: 'DURABILITY_CONFLICT', message: expect.stringContaining("'a' and 'b'") }
    expect(await failureOf(agentOf([], { use: [engine('a'), engine('b')] }).run('go'))).toMatchObject(conflict)
    expect(await failureOf(agentOf([], { use: [engine('a')] }).run('go', { plugins: [engine('b')] }))).toMatchObject(
      conflict,
    )
  })

  it.each([{ middleware: {} }, { tasks: {} }])(
    'by name would lose the closures of a plugin for one run: STEP_CLOSURE_LOST',
    async (has) => {
      expect(
        await failureOf(agentOf([], { use: [byName] }).run('go', { plugins: [{ name: 'lost', ...has }] })),
      ).toMatchObject({
        code: 'STEP_CLOSURE_LOST',
        details: { plugin: 'lost' },
      })
    },
  )

  it('that can not wait is refused tools with approvals, those of sub-agents too', async () => {
    const asks = toolOf('book', { approval: true })
    const unsupported = {
      code: 'UNSUPPORTED',
      message: "tool 'book' needs approvals, and engine 'names' does not support waits.",
    }
    expect(await failureOf(agentOf([], { tools: [asks], use: [byName] }).run('go'))).toMatchObject(unsupported)
    const child = new Agent({ name: 'child', model: scriptedModel([]), tools: [asks] })
    expect(await failureOf(agentOf([], { tools: [agentTool(child)], use: [byName] }).run('go'))).toMatchObject(
      unsupported,
    )
  })

  it('must be there for onWait: block', async () => {
    expect(await failureOf(agentOf([]).run('go', { onWait: 'block' }))).toMatchObject({ code: 'UNSUPPORTED' })
  })

  it('gives the runId where it knows one and the caller does not', async () => {
    const plugin = mapDurabilityPlugin(new Map())
    const use = [{ ...plugin, durability: { ...plugin.durability, currentRunId: () => 'of-the-engine' } as never }]
    expect((await agentOf([text('x')], { use }).run('go')).runId).toBe('of-the-engine')
    expect((await agentOf([text('x')], { use }).run('go', { runId: 'mine' })).runId).toBe('mine')
  })
})

describe('resume', () => {
  const asking = () => agentOf([call('book'), text('done')], { tools: [toolOf('book', { approval: true })] })
  const ID = '1/tool/0/book/approval'

  it('refuses an answer to what is not asked: WAIT_NOT_FOUND names the open waits', async () => {
    const { state } = await asking().run('go', { runId: 'r' })
    expect(await failureOf(asking().resume(state, { other: true }))).toMatchObject({
      code: 'WAIT_NOT_FOUND',
      message: `run 'r' does not wait for 'other'. Open waits: ${ID}.`,
      details: { waitId: 'other' },
    })
  })

  it('refuses an answer to a run that has gone on, and gives a finished run’s result as it is', async () => {
    const { state } = await asking().run('go')
    const done = await asking().resume(state, { [ID]: { approved: true } })
    expect(await failureOf(asking().resume(done.state, { [ID]: { approved: true } }))).toMatchObject({
      code: 'WAIT_NOT_FOUND',
      message: expect.stringContaining('Open waits: none'),
    })
    expect(await asking().resume(done.state, {})).toEqual(done)
  })

  it.each([undefined, true, {}, { approved: 'yes' }, { approve: true }, { approved: true, input: () => {} }])(
    'refuses an approval that is none: %o',
    async (answer) => {
      const { state } = await asking().run('go')
      expect(await failureOf(asking().resume(state, { [ID]: answer }))).toMatchObject({ code: 'ANSWER_INVALID' })
    },
  )

  it('waits on where nothing is answered', async () => {
    const waiting = await asking().run('go')
    const again = await asking().resume(overTheWire(waiting.state), {})
    expect({ ...again, state: 0 }).toEqual({ ...waiting, state: 0 })
    expect(again.state).toEqual(waiting.state)
  })

  it('is refused with a durability plugin, of the agent or of the run: UNSUPPORTED', async () => {
    const { state } = await asking().run('go')
    const durable = mapDurabilityPlugin(new Map())
    const refused = { code: 'UNSUPPORTED', message: expect.stringContaining('respond(waitId, answer)') }
    expect(await failureOf(asking().use(durable).resume(state, {}))).toMatchObject(refused)
    expect(await failureOf(asking().resume(state, {}, { plugins: [durable] }))).toMatchObject(refused)
  })

  it('refuses a state of another agent', async () => {
    const { state } = await asking().run('go')
    expect(await failureOf(agentOf([], { name: 'other' }).resume(state, {}))).toMatchObject({ code: 'CONFIG_INVALID' })
  })

  it('can be cancelled', async () => {
    const { state } = await asking().run('go')
    const result = await asking().resume(state, { [ID]: { approved: true } }, { signal: AbortSignal.abort('no more') })
    expect(result).toMatchObject({ status: 'cancelled', reason: 'no more' })
  })

  it('keeps what the run was started with: spec, context, id', async () => {
    const build = (instructions: string, models: ReturnType<typeof scriptedModel>[] = []) => {
      const model = scriptedModel([call('book'), text('done')])
      models.push(model)
      return new Agent({
        name: 'main',
        model,
        instructions,
        tools: [toolOf('book', { approval: true, execute: (_, { context }) => context })],
      })
    }
    const { state } = await build('old').run('go', { runId: 'r', context: { tenant: 'acme' } })
    const models: ReturnType<typeof scriptedModel>[] = []
    const done = await build('new', models).resume(overTheWire(state), { [ID]: { approved: true } })
    expect(done.runId).toBe('r')
    expect(done.messages[2]).toMatchObject({ content: [{ output: { value: { tenant: 'acme' } } }] })
    expect(models[0]?.calls[0]?.prompt[0]).toEqual({ role: 'system', content: 'old' })
  })
})
