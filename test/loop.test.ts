/** What the loop tells a model, and what it ends with. */
import type { AgentPlugin, RunResult } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { agentOf, call, calls, failureOf, reply, scriptedModel, terminalFailure, text, toolOf } from './support/kit.ts'

const outputs = ({ messages }: RunResult): unknown[] =>
  messages.flatMap((message) =>
    message.role === 'tool' ? message.content.map((part) => part.type === 'tool-result' && part.output) : [],
  )

describe('a tool', () => {
  it('gets its input and the context of its step', async () => {
    const got: unknown[] = []
    const search = toolOf('search', {
      execute: (input, context) => {
        expect(context.signal.aborted).toBe(false)
        const { runId, stepId, execution, attempt, idempotencyKey } = context
        got.push(input, { runId, stepId, execution, attempt, idempotencyKey, context: context.context })
        context.progress('nobody listens')
      },
    })
    await agentOf([call('search', { q: 'x' }), text('done')], { tools: [search] }).run('go', {
      runId: 'r',
      context: { tenant: 'acme' },
    })
    expect(got).toEqual([
      { q: 'x' },
      {
        runId: 'r',
        stepId: '1/tool/0/search',
        execution: 1,
        attempt: 1,
        idempotencyKey: 'r/1/tool/0/search',
        context: { tenant: 'acme' },
      },
    ])
  })

  it('gives a text, JSON, bytes, or nothing', async () => {
    const tools = [
      toolOf('text'),
      toolOf('json', { execute: () => ({ n: 1 }) }),
      toolOf('bytes', { execute: async () => new Uint8Array([1]) }),
      toolOf('nothing', { execute: () => undefined }),
    ]
    const agent = agentOf([calls(...tools.map(({ name }) => call(name))), text('done')], { tools })
    expect(outputs(await agent.run('go'))).toEqual([
      { type: 'text', value: 'text' },
      { type: 'json', value: { n: 1 } },
      { type: 'json', value: { $bytes: 'AQ==' } },
      { type: 'json', value: null },
    ])
  })

  it('that fails is told to the model, which goes on; so is what is no JSON', async () => {
    const tools = [
      toolOf('throws', { execute: () => Promise.reject(new Error('no seats')) }),
      toolOf('throws-text', { execute: () => Promise.reject('just text') }),
      toolOf('live', { execute: () => ({ socket: new Map() }) }),
      toolOf('fine'),
    ]
    const result = await agentOf([calls(...tools.map(({ name }) => call(name))), text('done')], { tools }).run('go')
    expect(result).toMatchObject({ status: 'completed', text: 'done' })
    expect(outputs(result)).toEqual([
      { type: 'error-text', value: 'no seats' },
      { type: 'error-text', value: 'just text' },
      {
        type: 'error-text',
        value: expect.stringContaining(
          'step 1/tool/2/live: the tool ran, but in its output: $.socket is an instance of Map',
        ),
      },
      { type: 'text', value: 'fine' },
    ])
  })
})

describe('a call that the model got wrong', () => {
  it('is told to it and never executed; the others are', async () => {
    const strict = toolOf('strict', {
      input: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
      execute: () => expect.unreachable(),
    })
    const reply = calls(
      call('gone'),
      call('strict', { n: 'x' }),
      call('strict', undefined, { inputText: '{"n":' }),
      call('fine'),
    )
    const result = await agentOf([reply, text('done')], { tools: [strict, toolOf('fine')] }).run('go')
    expect(outputs(result)).toEqual([
      { type: 'error-text', value: "There is no tool 'gone'. The tools are: strict, fine." },
      { type: 'error-text', value: expect.stringContaining('$.n: must be integer') },
      { type: 'error-text', value: `The input of 'strict' is not JSON: {"n":` },
      { type: 'text', value: 'fine' },
    ])
  })
})

describe('a call of a tool that no spec has', () => {
  it('is told to the model also where nobody judged it', async () => {
    const lax: AgentPlugin = {
      name: 'lax',
      middleware: {
        model: async (request, next) => {
          const output = await next(request)
          return { ...output, calls: output.calls.map(({ invalid: _, ...call }) => call) }
        },
      },
    }
    const result = await agentOf([call('gone'), text('done')], { use: [lax] }).run('go')
    expect(outputs(result)).toEqual([{ type: 'error-text', value: 'There is no such tool.' }])
  })
})

describe('a model', () => {
  it('that fails fails the run: MODEL_FAILED, and AfterModelCall is told', async () => {
    const told: unknown[] = []
    const agent = agentOf([terminalFailure({ statusCode: 401 })])
    agent.on('AfterModelCall', ({ outcome }) => void told.push(outcome.status))
    expect(await failureOf(agent.run('go'))).toMatchObject({
      code: 'MODEL_FAILED',
      kind: 'terminal',
      details: { statusCode: 401 },
    })
    expect(told).toEqual(['error'])
  })

  it('is shown the outputs of a tool as the tool says; the record has them as they were', async () => {
    const model = scriptedModel([calls(call('big'), call('bad'), call('plain')), text('done')])
    const big = toolOf('big', {
      execute: () => ({ rows: [1, 2, 3] }),
      toModelOutput: () => ({ type: 'text', value: '3 rows' }),
    })
    const result = await agentOf(model, {
      tools: [big, toolOf('bad', { execute: () => Promise.reject(new Error('no')) }), toolOf('plain')],
      toolChoice: { tool: 'big' },
      settings: { temperature: 0 },
    }).run('go')
    expect(model.calls[1]?.prompt.at(-1)).toMatchObject({
      content: [
        { output: { type: 'text', value: '3 rows' } },
        { output: { type: 'error-text', value: 'no' } },
        { output: { type: 'text', value: 'plain' } },
      ],
    })
    expect(model.calls[0]?.options).toMatchObject({ toolChoice: { type: 'tool', toolName: 'big' }, temperature: 0 })
    expect(outputs(result)[0]).toEqual({ type: 'json', value: { rows: [1, 2, 3] } })
  })
})

describe('a run', () => {
  it('ends at its limit with what there is', async () => {
    const agent = agentOf(
      scriptedModel(() => call('a')),
      { tools: [toolOf('a')], limits: { turns: 3 } },
    )
    const result = await agent.run('go')
    expect(result).toMatchObject({
      status: 'limit',
      turns: 3,
      reason: 'the limit of 3 model calls is reached',
      text: '',
    })
    expect(result.messages).toHaveLength(7)
  })

  it('sums up the usage of its model calls', async () => {
    const usage = { inputTokens: 7, outputTokens: 3, cachedInputTokens: 2 }
    const agent = agentOf([reply(call('a'), { usage }), reply(text('done'), { usage })], { tools: [toolOf('a')] })
    expect((await agent.run('go')).usage).toMatchObject({ inputTokens: 14, outputTokens: 6, cachedInputTokens: 4 })
  })

  it('goes on with an earlier conversation, and takes content parts', async () => {
    const model = scriptedModel(() => text('hi'))
    const first = await agentOf(model).run([{ type: 'text', text: 'one' }])
    const second = await agentOf(model).run('two', { messages: first.messages })
    expect(second.messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant'])
    expect(second.turns).toBe(1)
  })

  it('gives structured output that fits; the model mends what does not', async () => {
    const model = scriptedModel([text('no JSON'), text('{"n":"x"}'), text('{"n":1}')])
    const output = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } as const
    const result = await agentOf(model, { output }).run('go')
    expect(result).toMatchObject({ status: 'completed', output: { n: 1 }, turns: 3 })
    const told = model.calls.map(({ prompt }) => JSON.stringify(prompt.at(-1)))
    expect(told[1]).toContain('not the JSON that was asked for')
    expect(told[2]).toContain('$.n: must be integer')
  })

  it('asks for structured output only when nothing is called any more', async () => {
    const agent = agentOf([calls(text('let me look'), call('a')), text('{}')], {
      tools: [toolOf('a')],
      output: { type: 'object' },
    })
    expect(await agent.run('go')).toMatchObject({ output: {}, turns: 2 })
  })

  it('is told apart from others of the same agent that run at once', async () => {
    const agent = agentOf(
      scriptedModel((prompt) => (prompt.length > 1 ? text('done') : call('a'))),
      {
        tools: [toolOf('a', { execute: (_, { context }) => context })],
      },
    )
    const runs = await Promise.all([1, 2, 3].map((context) => agent.run(`go ${context}`, { context })))
    expect(runs.map((run) => outputs(run))).toEqual([1, 2, 3].map((value) => [{ type: 'json', value }]))
  })
})
