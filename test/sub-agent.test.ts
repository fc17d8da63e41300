/** Sub-agents inline: their steps are steps of the run. */
import type { AgentEvent, Json } from 'holdfast'
import { Agent, agentTool, settledStep, withInput, wrapStep } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { agentOf, call, calls, failureOf, overTheWire, reply, scriptedModel, text, toolOf } from './support/kit.ts'
import { mapDurabilityPlugin } from './support/map-engine.ts'

const usage = { inputTokens: 100, outputTokens: 50 }

/** Two sub-agents beside a tool, each of which books with an approval. */
function booking(use: Parameters<typeof agentOf>[1] = {}) {
  const did: string[] = []
  const childOf = (name: string) => {
    const book = toolOf('book', { approval: true, execute: (_, { stepId }) => void did.push(stepId) })
    const look = toolOf('look', { execute: (_, { stepId }) => void did.push(stepId) })
    const model = scriptedModel((prompt) => {
      did.push(`${name} is asked`)
      return prompt.some(({ role }) => role === 'tool')
        ? reply(text(`${name} done`), { usage })
        : calls(call('look'), call('book'))
    })
    return new Agent({ name, model, tools: [look, book] })
  }
  const side = toolOf('side', { execute: (_, { stepId }) => void did.push(stepId) })
  const parent = scriptedModel((prompt) =>
    prompt.some(({ role }) => role === 'tool')
      ? text('all done')
      : calls(call('a', { prompt: 'A' }), call('side'), call('b', { prompt: 'B' })),
  )
  const agent = agentOf(parent, { tools: [agentTool(childOf('a')), side, agentTool(childOf('b'))], ...use })
  return { agent, did }
}

const A = '1/agent/0/a/1/tool/1/book/approval'
const B = '1/agent/2/b/1/tool/1/book/approval'
const yes = { approved: true }
const DID = [
  '1/agent/0/a/1/tool/0/look',
  '1/agent/0/a/1/tool/1/book',
  '1/agent/2/b/1/tool/0/look',
  '1/agent/2/b/1/tool/1/book',
  '1/tool/1/side',
  'a is asked',
  'a is asked',
  'b is asked',
  'b is asked',
]

describe('an approval inside of a sub-agent', () => {
  it('waits and goes on without an engine: nothing is done twice', async () => {
    const { agent, did } = booking()
    const first = await agent.run('go', { runId: 'r' })
    expect(first.waits.map(({ id }) => id).sort()).toEqual([A, B])
    expect(did.filter((what) => what.endsWith('look') || what.endsWith('book'))).toEqual([])
    const second = await agent.resume(overTheWire(first.state), { [B]: yes })
    expect(second.waits.map(({ id }) => id)).toEqual([A])
    expect(did).toContain('1/agent/2/b/1/tool/1/book')
    const done = await agent.resume(overTheWire(second.state), { [A]: yes })
    expect(done).toMatchObject({ status: 'completed', text: 'all done' })
    expect(did.toSorted()).toEqual(DID)
    expect(done.messages[2]?.content).toMatchObject([
      { output: { value: 'a done' } },
      {},
      { output: { value: 'b done' } },
    ])
    expect(done.state.kept).toEqual({})
  })

  it('waits and goes on with an engine: nothing is done twice, and all is equal', async () => {
    const without = booking()
    const waiting = await without.agent.run('go', { runId: 'r' })
    const expected = await without.agent.resume(waiting.state, { [A]: yes, [B]: yes })
    const [journal, answers] = [new Map<string, string>(), new Map<string, Json>()]
    const did: string[] = []
    const run = async () => {
      const one = booking({ use: [mapDurabilityPlugin(journal, answers)] })
      const result = await one.agent.run('go', { runId: 'r' })
      did.push(...one.did)
      return result
    }
    expect((await run()).waits.map(({ id }) => id).sort()).toEqual([A, B])
    answers.set(`r ${A}`, yes)
    expect((await run()).waits.map(({ id }) => id)).toEqual([B])
    answers.set(`r ${B}`, yes)
    const done = await run()
    expect(did.toSorted()).toEqual(DID)
    expect(overTheWire({ ...done, state: 0 })).toEqual(overTheWire({ ...expected, state: 0 }))
  })
})

describe('a sub-agent', () => {
  it('gets the prompt, and gives its structured output or its last text', async () => {
    const child = new Agent({ name: 'child', model: scriptedModel([text('{"n":1}')]), output: { type: 'object' } })
    const model = scriptedModel([text('plain')])
    const plain = new Agent({ name: 'plain', model })
    const agent = agentOf([calls(call('child', { prompt: 'count' }), call('plain', { prompt: 'say' })), text('done')], {
      tools: [agentTool(child), agentTool(plain, { description: 'talks' })],
    })
    const { messages } = await agent.run('go')
    expect(messages[2]?.content).toMatchObject([
      { output: { type: 'json', value: { n: 1 } } },
      { output: { type: 'text', value: 'plain' } },
    ])
    expect(model.calls[0]?.prompt).toMatchObject([{ role: 'user', content: [{ text: 'say' }] }])
  })

  it('gets the whole input as text where a hook made one without a prompt', async () => {
    const model = scriptedModel([text('x'), text('y')])
    const agent = agentOf([call('child', { prompt: 'x' }), text('done')], {
      tools: [agentTool(new Agent({ name: 'child', model }))],
    })
    agent.on('BeforeAgentCall', (event) => {
      event.step = withInput(event.step, [1, 2] as never)
    })
    await agent.run('go')
    expect(model.calls[0]?.prompt).toMatchObject([{ content: [{ text: '[1,2]' }] }])
  })

  it('has hooks around it in the parent, and hooks of its own inside', async () => {
    const log: string[] = []
    const child = new Agent({ name: 'child', model: scriptedModel([text('inner')]) })
    child.on('BeforeInvocation', ({ step, run }) => void log.push(`${run.agent} begins ${step.id}`))
    child.on('BeforeModelCall', ({ step }) => void log.push(step.id))
    child.on('AfterInvocation', ({ run, status }) => void log.push(`${run.agent} ${status}`))
    const agent = agentOf([call('child', { prompt: 'x' }), text('done')], { tools: [agentTool(child)] })
    agent.on('BeforeAgentCall', (event) => {
      log.push(`before ${event.toolCallId}`)
      event.step = wrapStep(event.step, async (run) => `wrapped ${await run()}`)
    })
    agent.on(
      'AfterAgentCall',
      ({ outcome, toolCallId }) => void log.push(`after ${toolCallId} ${JSON.stringify(outcome)}`),
    )
    const { messages } = await agent.run('go')
    const id = '1/agent/0/child'
    expect(log).toEqual([
      'before call-1-0',
      `child begins ${id}/run`,
      `${id}/1/model`,
      'child completed',
      'after call-1-0 {"status":"ok","output":"wrapped inner"}',
    ])
    expect(messages[2]).toMatchObject({ content: [{ output: { value: 'wrapped inner' } }] })
  })

  it('can be denied, approved or settled like a tool', async () => {
    const child = new Agent({ name: 'child', model: scriptedModel(() => expect.unreachable()) })
    const agent = agentOf([call('child', { prompt: 'x' }), text('done')], {
      tools: [agentTool(child, { approval: true })],
    })
    const waiting = await agent.run('go')
    expect(waiting.waits).toMatchObject([{ id: '1/agent/0/child/approval', input: { tool: 'child' } }])
    const done = await agent.resume(waiting.state, { '1/agent/0/child/approval': { approved: false } })
    expect(done.messages[2]).toMatchObject({ content: [{ output: { type: 'denied' } }] })
    const settled = agentOf([call('child', { prompt: 'x' }), text('done')], { tools: [agentTool(child)] })
    settled.on('BeforeAgentCall', (event) => {
      event.step = settledStep(event.step, 'no need')
    })
    expect((await settled.run('go')).messages[2]).toMatchObject({ content: [{ output: { value: 'no need' } }] })
  })

  it('counts what it used for the run, nested ones and failing ones too', async () => {
    const inner = new Agent({ name: 'inner', model: scriptedModel([reply(text('x'), { usage })]) })
    const middle = new Agent({
      name: 'middle',
      model: scriptedModel([reply(call('inner', { prompt: 'x' }), { usage }), reply(text('y'), { usage })]),
      tools: [agentTool(inner)],
    })
    const agent = agentOf([call('middle', { prompt: 'x' }), text('done')], { tools: [agentTool(middle)] })
    expect((await agent.run('go')).usage).toMatchObject({ inputTokens: 320, outputTokens: 160 })

    const endless = new Agent({
      name: 'endless',
      model: scriptedModel([reply(call('a'), { usage })]),
      tools: [toolOf('a')],
      limits: { turns: 1 },
    })
    const failing = agentOf([call('endless', { prompt: 'x' }), text('done')], { tools: [agentTool(endless)] })
    const result = await failing.run('go')
    expect(result.messages[2]).toMatchObject({
      content: [
        {
          output: {
            type: 'error-text',
            value: "sub-agent 'endless' ended early: the limit of 1 model calls is reached",
          },
        },
      ],
    })
    expect(result.usage).toMatchObject({ inputTokens: 120, outputTokens: 60 })
  })

  it('that fails is told to the model', async () => {
    const child = new Agent({ name: 'child', model: scriptedModel([]), modelRetry: { maxAttempts: 1 } })
    const result = await agentOf([call('child', { prompt: 'x' }), text('done')], { tools: [agentTool(child)] }).run(
      'go',
    )
    expect(result).toMatchObject({ status: 'completed' })
    expect(result.messages[2]).toMatchObject({
      content: [{ output: { type: 'error-text', value: expect.stringContaining('no reply') } }],
    })
  })

  it('that is not here any more stops the run: TOOL_UNKNOWN, retryable', async () => {
    const child = new Agent({ name: 'child', model: scriptedModel([text('x')]) })
    const journal = new Map<string, string>()
    const script = [call('child', { prompt: 'x' }), text('done')]
    const crash = agentOf(script, { tools: [agentTool(child)], use: [mapDurabilityPlugin(journal)] })
    crash.on('BeforeAgentCall', () => {
      throw Object.assign(new Error('crash'), { name: 'HoldfastError', code: 'ENGINE_UNAVAILABLE', kind: 'retryable' })
    })
    expect(await failureOf(crash.run('go', { runId: 'r' }))).toMatchObject({ code: 'ENGINE_UNAVAILABLE' })
    const deployed = agentOf(script, { use: [mapDurabilityPlugin(journal)] })
    expect(await failureOf(deployed.run('go', { runId: 'r' }))).toMatchObject({
      code: 'TOOL_UNKNOWN',
      kind: 'retryable',
    })
  })

  it('that has a durability plugin of its own is refused', () => {
    const child = new Agent({ name: 'child', model: scriptedModel([]) }).use(mapDurabilityPlugin(new Map()))
    expect(() => agentTool(child)).toThrow(expect.objectContaining({ code: 'DURABILITY_CONFLICT' }))
  })

  it('shares its name with no other agent of the tree: a worker finds it by name', () => {
    const named = (name: string) => new Agent({ name, model: scriptedModel([]) })
    const taken = expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining("'helper'") })
    const two = [agentTool(named('helper'), { name: 'x' }), agentTool(named('helper'), { name: 'y' })]
    expect(() => agentOf([], { tools: two })).toThrow(taken)
    expect(() => agentOf([], { name: 'helper', tools: [agentTool(named('helper'), { name: 'x' })] })).toThrow(taken)
    const nested = new Agent({ name: 'nested', model: scriptedModel([]), tools: [agentTool(named('helper'))] })
    expect(() => agentOf([], { tools: [agentTool(nested), agentTool(named('helper'))] })).toThrow(taken)
    const same = named('helper')
    expect(() => agentOf([], { tools: [agentTool(same, { name: 'x' }), agentTool(same, { name: 'y' })] })).not.toThrow()
  })

  it('has events under its own name and id', async () => {
    const events: AgentEvent[] = []
    const child = new Agent({ name: 'child', model: scriptedModel([text('x')]) })
    const agent = agentOf([call('child', { prompt: 'x' }), text('done')], {
      tools: [agentTool(child)],
      use: [{ name: 'o', observe: (event) => void events.push(event) }],
    })
    await agent.run('go', { runId: 'r' })
    const own = events.filter((event) => event.agent === 'child')
    expect(own.map(({ type }) => type)).toEqual([
      'run-started',
      'step-started',
      'message-added',
      'step-started',
      'step-finished',
      'message-added',
      'step-finished',
      'run-finished',
    ])
    expect(new Set(own.map(({ id }) => id.runId))).toEqual(new Set(['r/1/agent/0/child']))
  })
})
