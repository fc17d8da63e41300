/** A run whose spec was pinned when it was started, by an agent that a deploy has changed since. */
import type { AgentEvent, AgentSpec, Json } from 'holdfast'
import { Agent, agentTool, runPinned } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { agentOf, call, failureOf, overTheWire, scriptedModel, text, toolOf } from './support/kit.ts'

/** What an engine has of an agent: JSON. */
const specOf = (agent: Agent): AgentSpec => overTheWire(agent.describe())

/** A model that says what it was told to be. */
const echo = () => scriptedModel((prompt) => text(String(prompt.find(({ role }) => role === 'system')?.content)))

describe('of the spec are', () => {
  it('the instructions', async () => {
    const spec = specOf(agentOf(echo(), { instructions: 'Be kind.' }))
    const now = agentOf(echo(), { instructions: 'Be brief.' })
    expect((await runPinned(now, spec, 'go')).text).toBe('Be kind.')
    expect((await now.run('go')).text).toBe('Be brief.')
  })

  it('the limits', async () => {
    const tools = [toolOf('look')]
    const spec = specOf(agentOf([], { tools, limits: { turns: 1 } }))
    const now = agentOf([call('look'), text('done')], { tools, limits: { turns: 9 } })
    expect(await runPinned(now, spec, 'go')).toMatchObject({ status: 'limit', turns: 1 })
  })

  it('the declarations of tools: a model is shown those, and no tool that came later', async () => {
    const model = scriptedModel([call('added'), text('done')])
    const spec = specOf(agentOf([], { tools: [toolOf('look', { description: 'as it was' })] }))
    const tools = [
      toolOf('look', { description: 'as it is' }),
      toolOf('added', { execute: () => expect.unreachable() }),
    ]
    const { messages } = await runPinned(agentOf(model, { tools }), spec, 'go')
    expect(model.calls[0]?.options.tools).toMatchObject([{ name: 'look', description: 'as it was' }])
    expect(messages[2]).toMatchObject({
      content: [{ output: { type: 'error-text', value: "There is no tool 'added'. The tools are: look." } }],
    })
  })

  it('whether a tool needs an approval', async () => {
    const spec = specOf(agentOf([], { tools: [toolOf('pay', { approval: true })] }))
    const now = agentOf([call('pay'), text('done')], { tools: [toolOf('pay')] })
    expect(await runPinned(now, spec, 'go')).toMatchObject({
      status: 'waiting',
      waits: [{ id: '1/tool/0/pay/approval' }],
    })
  })
})

describe('of the agent are', () => {
  it('what runs a tool, hooks, middleware and observers', async () => {
    const told: string[] = []
    const spec = specOf(agentOf([], { tools: [toolOf('look')], instructions: 'once' }))
    const now = agentOf([call('look'), text('done')], {
      tools: [toolOf('look', { execute: () => 'seen by what is deployed' })],
      use: [
        {
          name: 'new',
          hooks: { BeforeToolCall: ({ step }) => void told.push(`hook ${step.id}`) },
          middleware: {
            tool: (request, next) => {
              told.push(`middleware ${request.stepId}`)
              return next(request)
            },
          },
          observe: (event: AgentEvent) => void (event.type === 'run-finished' && told.push(event.status)),
        },
      ],
    })
    const { messages } = await runPinned(now, spec, 'go')
    expect(messages[2]).toMatchObject({ content: [{ output: { value: 'seen by what is deployed' } }] })
    expect(told).toEqual(['hook 1/tool/0/look', 'middleware 1/tool/0/look', 'completed'])
  })

  it('what checks structured output', async () => {
    const output = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] }
    const spec = specOf(agentOf([], { output, instructions: 'once' }))
    const { output: given } = await runPinned(agentOf([text('{"n":7}')], { output }), spec, 'go')
    expect(given).toEqual({ n: 7 })
  })
})

describe('what the agent has no more', () => {
  it('holds the run: a tool', async () => {
    const spec = specOf(agentOf([], { tools: [toolOf('gone')] }))
    const error = await failureOf(runPinned(agentOf([call('gone'), text('done')]), spec, 'go'))
    expect(error).toMatchObject({ code: 'TOOL_UNKNOWN', kind: 'retryable' })
  })

  it('holds the run: a sub-agent', async () => {
    const child = new Agent({ name: 'child', model: echo() })
    const spec = specOf(agentOf([], { tools: [agentTool(child)] }))
    const error = await failureOf(runPinned(agentOf([call('child', { prompt: 'x' }), text('done')]), spec, 'go'))
    expect(error).toMatchObject({ code: 'MODEL_UNKNOWN', kind: 'retryable' })
  })

  it('is no matter where the run does not come to it', async () => {
    const spec = specOf(agentOf([], { tools: [toolOf('gone')] }))
    expect((await runPinned(agentOf([text('done')]), spec, 'go')).text).toBe('done')
  })
})

describe('a sub-agent', () => {
  const parentOf = (instructions: string, tool = toolOf('look')) => {
    const model = scriptedModel((prompt, turn) =>
      turn === 1 ? call('look') : text(String(prompt.find(({ role }) => role === 'system')?.content)),
    )
    const child = new Agent({ name: 'child', model, instructions, tools: [tool] })
    return agentOf([call('child', { prompt: 'x' }), text('done')], { tools: [agentTool(child)] })
  }

  it('is pinned with its parent, its tools too', async () => {
    const ran: string[] = []
    const spec = specOf(parentOf('Be kind.'))
    const now = parentOf('Be brief.', toolOf('look', { execute: () => void ran.push('look') }))
    const { messages } = await runPinned(now, spec, 'go')
    expect(messages[2]).toMatchObject({ content: [{ output: { value: 'Be kind.' } }] })
    expect(ran).toEqual(['look'])
  })
})

describe('a run with the spec that the agent still has', () => {
  it('is the run that the agent would make', async () => {
    const agent = agentOf([call('look'), text('done')], { tools: [toolOf('look')] })
    const options = { runId: 'r', context: { tenant: 'acme' } as Json }
    expect(await runPinned(agent, specOf(agent), 'go', options)).toEqual(await agent.run('go', options))
  })

  it('fails as it would', async () => {
    const agent = agentOf([])
    expect(await failureOf(runPinned(agent, specOf(agent), 'go'))).toMatchObject({ code: 'MODEL_FAILED' })
  })

  it('is cancelled by a signal', async () => {
    const agent = agentOf([text('no')])
    const signal = AbortSignal.abort('enough')
    expect(await runPinned(agent, specOf(agent), 'go', { signal })).toMatchObject({
      status: 'cancelled',
      reason: 'enough',
    })
  })
})
