/** Approvals: asked after all Before… hooks, for the input as it then is; the answer is bound to it. */
import type { Json, RunResult } from 'holdfast'
import { settledStep, withInput } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { agentOf, call, calls, failureOf, hooksOf, overTheWire, text, toolOf } from '../support/kit.ts'
import { mapDurabilityPlugin } from '../support/map-engine.ts'

const ID = '1/tool/0/book/approval'

/** A tool that books for a price; over 500 a person is asked. */
function booking(options: Parameters<typeof toolOf>[1] = {}) {
  const booked: Json[] = []
  const judged: Json[] = []
  const book = toolOf('book', {
    approval: (input) => {
      const { price } = input as { price: number }
      judged.push(price)
      return price > 500
    },
    execute: (input) => {
      booked.push(input)
      return 'booked'
    },
    ...options,
  })
  return { book, booked, judged }
}

const script = (price: number) => [call('book', { price }), text('done')]
const outputOf = ({ messages }: RunResult): unknown => {
  const part = messages.find(({ role }) => role === 'tool')?.content[0]
  return typeof part === 'object' && part.type === 'tool-result' ? part.output : undefined
}

describe('an approval', () => {
  it('is asked where the function says so for the input', async () => {
    const { book, booked } = booking()
    expect((await agentOf(script(100), { tools: [book] }).run('go')).status).toBe('completed')
    const agent = agentOf(script(900), { tools: [book] })
    const waiting = await agent.run('go')
    expect(waiting.waits).toEqual([
      {
        id: ID,
        input: {
          type: 'approval',
          tool: 'book',
          toolCallId: 'call-1-0',
          input: { price: 900 },
          of: expect.any(String),
        },
      },
    ])
    expect(booked).toEqual([{ price: 100 }])
    expect(outputOf(await agent.resume(overTheWire(waiting.state), { [ID]: { approved: true } }))).toMatchObject({
      value: 'booked',
    })
  })

  it('is told the run and its context', async () => {
    const told: unknown[] = []
    const { book } = booking({ approval: (_, context) => told.push(context) > 5 })
    await agentOf(script(1), { tools: [book] }).run('go', { runId: 'r', context: { tenant: 'acme' } })
    expect(told).toEqual([{ runId: 'r', context: { tenant: 'acme' } }])
  })

  it('that is refused is told to the model with the reason', async () => {
    const { book, booked } = booking({ approval: true })
    const agent = agentOf(script(1), { tools: [book] })
    const { state } = await agent.run('go')
    const refused = await agent.resume(state, { [ID]: { approved: false, reason: 'too dear', by: 'me' } })
    expect(outputOf(refused)).toEqual({ type: 'denied', reason: 'too dear' })
    expect(outputOf(await agent.resume(state, { [ID]: { approved: false } }))).toMatchObject({
      reason: 'a person refused the call',
    })
    expect(booked).toEqual([])
  })

  it('can give another input, which is not asked for again', async () => {
    const { book, booked } = booking()
    const agent = agentOf(script(900), { tools: [book] })
    const { state } = await agent.run('go')
    const done = await agent.resume(state, { [ID]: { approved: true, input: { price: 800 } } })
    expect(done.status).toBe('completed')
    expect(booked).toEqual([{ price: 800 }])
  })

  it('is not asked for a call that a hook denied or that is invalid', async () => {
    const { book } = booking({ approval: true, input: { type: 'object', required: ['price'] } })
    const agent = agentOf([calls(call('book', { price: 1 }), call('book', {})), text('done')], { tools: [book] })
    agent.on('BeforeToolCall', (event) => event.denyStep('no'))
    expect((await agent.run('go')).status).toBe('completed')
  })

  it('that comes too late counts as refused', async () => {
    const { book } = booking({ approval: true, approvalTimeout: '1h' })
    const engine = mapDurabilityPlugin(new Map())
    const timesOut = (event: { step: { policy: object } }): void => {
      expect(event.step.policy).toEqual({ effect: 'repeatable', timeout: 3_600_000 })
      event.step = { ...event.step, run: async () => ({ timedOut: true }) } as never
    }
    const agent = agentOf(script(1), {
      tools: [book],
      use: [{ ...engine, hooks: { ...engine.hooks, BeforeWait: timesOut } }],
    })
    expect(outputOf(await agent.run('go'))).toEqual({ type: 'denied', reason: 'the approval was not given in time' })
  })

  it('can be answered by a policy in a BeforeWait hook', async () => {
    const { book, booked } = booking({ approval: true })
    const agent = agentOf(script(1), { tools: [book] })
    agent.on('BeforeWait', (event) => {
      event.step = settledStep(event.step, { answer: { approved: true } })
    })
    expect((await agent.run('go')).status).toBe('completed')
    expect(booked).toHaveLength(1)
  })
})

describe('an input that a hook changed', () => {
  it('is judged anew, in a step of its own', async () => {
    const tasks: string[] = []
    const { book, judged } = booking()
    const agent = agentOf(script(100), { tools: [book] })
    agent.on('BeforeToolCall', (event) => {
      event.step = withInput(event.step, { price: 900 })
    })
    agent.on('BeforeTask', ({ step }) => void tasks.push(step.id))
    const waiting = await agent.run('go')
    expect(waiting.waits).toMatchObject([{ id: ID, input: { input: { price: 900 } } }])
    expect([judged, tasks]).toEqual([[100, 900], ['1/tool/0/book/approval-needed']])
  })

  it('that needs none any more is not asked for', async () => {
    const { book, booked } = booking()
    const agent = agentOf(script(900), { tools: [book] })
    agent.on('BeforeToolCall', (event) => {
      event.step = withInput(event.step, { price: 400 })
    })
    expect((await agent.run('go')).status).toBe('completed')
    expect(booked).toEqual([{ price: 400 }])
  })

  it('loses an answer that was given for another', async () => {
    let price = 900
    const { book, booked } = booking({ approval: true })
    const agent = agentOf(script(1), { tools: [book] })
    agent.on('BeforeToolCall', (event) => {
      event.step = withInput(event.step, { price })
    })
    const { state } = await agent.run('go')
    price = 9000
    const again = await agent.resume(state, { [ID]: { approved: true } })
    expect(again).toMatchObject({ status: 'waiting', waits: [{ input: { input: { price: 9000 } } }] })
    expect(booked).toEqual([])
  })

  it.each(['without', 'with'])(
    'is judged for each input that the passes of a batch make, %s an engine',
    async (engine) => {
      const { book, booked, judged } = booking()
      const answers = new Map<string, Json>([['r 1/tool/0/look/wait/app/price', 900]])
      const script = [calls(call('look'), call('book', { price: 1 })), text('done')]
      const use = engine === 'with' ? [mapDurabilityPlugin(new Map(), answers)] : []
      const agent = agentOf(script, { tools: [toolOf('look'), book], use })
      agent.on('BeforeToolCall', async (event) => {
        if (event.step.name === 'book') event.step = withInput(event.step, { price: event.run.state ?? 2 })
        else event.run.state = await event.interrupt({ name: 'price' })
      })
      let waiting = await agent.run('go', { runId: 'r' })
      if (engine === 'without') waiting = await agent.resume(waiting.state, { '1/tool/0/look/wait/app/price': 900 })
      expect(waiting.waits).toMatchObject([{ id: '1/tool/1/book/approval', input: { input: { price: 900 } } }])
      expect(booked).toEqual([])
      expect(new Set(judged)).toEqual(new Set([1, 2, 900]))
    },
  )

  it('is judged once, however many passes there are over the same', async () => {
    const { book, judged } = booking()
    const script = [calls(call('look'), call('book', { price: 1 })), text('done')]
    const answers = new Map<string, Json>([['r 1/tool/0/look/wait/app/ok', true]])
    const agent = agentOf(script, { tools: [toolOf('look'), book], use: [mapDurabilityPlugin(new Map(), answers)] })
    agent.on('BeforeToolCall', async (event) => {
      if (event.step.name === 'book') event.step = withInput(event.step, { price: 2 })
      else await event.interrupt({ name: 'ok' })
    })
    expect(await agent.run('go', { runId: 'r' })).toMatchObject({ status: 'completed' })
    expect(judged).toEqual([1, 2])
  })

  it('is judged also where it becomes null', async () => {
    const judged: Json[] = []
    const approval = (input: Json) => judged.push(input) > 1
    const agent = agentOf(script(1), { tools: [toolOf('book', { input: {}, approval })] })
    agent.on('BeforeToolCall', (event) => {
      event.step = withInput(event.step, null as never)
    })
    expect(await agent.run('go')).toMatchObject({ status: 'waiting', waits: [{ input: { input: null } }] })
    expect(judged).toEqual([{ price: 1 }, null])
  })

  it('needs an approval unless the function says false', async () => {
    const unsure = () => {
      throw new Error('the price list is not there')
    }
    expect((await agentOf(script(1), { tools: [toolOf('book', { approval: unsure })] }).run('go')).status).toBe(
      'waiting',
    )
    const agent = agentOf(script(1), { tools: [toolOf('book', { approval: (() => undefined) as never })] })
    expect((await agent.run('go')).status).toBe('waiting')
  })

  it('for which the function fails stops the run', async () => {
    const agent = agentOf(script(1), {
      tools: [
        toolOf('book', {
          approval: (input) =>
            (input as { price: number }).price === 1 ? false : Promise.reject(new Error('no rates')),
        }),
      ],
    })
    agent.on('BeforeToolCall', (event) => {
      event.step = withInput(event.step, { price: 2 })
    })
    expect(await failureOf(agent.run('go'))).toMatchObject({ code: 'TASK_FAILED', message: 'no rates' })
  })
})

describe('a tool that a provider runs', () => {
  const asks = { type: 'tool-approval-request', approvalId: 'a', toolCallId: 'p' } as const
  const web = call('web', { q: 'x' }, { id: 'p', providerExecuted: true })
  const id = '1/provider/0/approval'

  it('asks leave like a tool of ours; the answer goes into the conversation', async () => {
    const agent = agentOf([calls(web, asks, call('search')), text('done')], { tools: [toolOf('search')] })
    const { state, waits } = await agent.run('go')
    expect(waits).toMatchObject([{ id, input: { type: 'approval', tool: 'web', toolCallId: 'p', input: { q: 'x' } } }])
    const done = await agent.resume(overTheWire(state), { [id]: { approved: true, reason: 'fine' } })
    expect(done.messages[2]?.content).toMatchObject([
      { type: 'tool-result', toolName: 'search' },
      { type: 'approval-response', approvalId: 'a', approved: true, reason: 'fine' },
    ])
  })

  it('counts as refused where the answer does not come in time', async () => {
    const agent = agentOf([calls(web, asks), text('done')], {
      use: [
        hooksOf('late', {
          BeforeWait: (event) => {
            event.step = settledStep(event.step, { timedOut: true })
          },
        }),
      ],
    })
    const { messages } = await agent.run('go')
    expect(messages[2]?.content).toMatchObject([{ type: 'approval-response', approved: false }])
  })
})
