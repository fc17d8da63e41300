/** agent.stream(): a run, told as it happens. */
import type { AgentStreamEvent } from 'holdfast'
import { describe, expect, it } from 'vitest'
import {
  agentOf,
  call,
  deferred,
  failureOf,
  pause,
  reply,
  retryableFailure,
  attempts,
  calls,
  collect,
  text,
  toolOf,
} from './support/kit.ts'
import { mapDurabilityPlugin } from './support/map-engine.ts'

const brief = (event: AgentStreamEvent): string => {
  if ('stepId' in event) return `${event.stepId} ${event.type}${'delta' in event ? ` ${event.delta}` : ''}`
  return event.type
}

describe('a stream', () => {
  it('tells chunks and events in order, and ends with the run', async () => {
    const tool = toolOf('a', { execute: (_, { progress }) => progress({ done: 0.5, at: new Date(0) }) })
    const stream = agentOf([call('a', { q: 1 }, { pieces: 4 }), text('hello', { pieces: 3 })], {
      tools: [tool],
    }).stream('go', { runId: 'r' })
    const events = await collect(stream)
    expect(events.map(brief)).toEqual([
      'run-started',
      'step-started',
      'message-added',
      'step-started',
      '1/model start',
      '1/model tool-input {"q"',
      '1/model tool-input :1}',
      '1/model end',
      'step-finished',
      'message-added',
      'step-started',
      '1/tool/0/a start',
      '1/tool/0/a progress',
      '1/tool/0/a end',
      'step-finished',
      'message-added',
      'step-started',
      '2/model start',
      '2/model text hel',
      '2/model text lo',
      '2/model end',
      'step-finished',
      'message-added',
      'step-finished',
      'run-finished',
    ])
    const chunks = events.filter((event) => 'stepId' in event)
    expect(chunks.find(({ type }) => type === 'progress')).toMatchObject({
      data: { done: 0.5, at: { $date: '1970-01-01T00:00:00.000Z' } },
    })
    expect(chunks.map(({ offset }) => offset)).toEqual([0, 1, 2, 3, 0, 1, 2, 0, 1, 2, 3])
    expect(new Set(chunks.map(({ nonce }) => nonce)).size).toBe(3)
    expect(await stream.result).toMatchObject({ status: 'completed', text: 'hello', runId: 'r' })
  })

  it('tells what comes while the run goes on, not at its end', async () => {
    const hold = deferred()
    const stream = agentOf([calls(text('first'), pause(hold.promise), text('second'))]).stream('go')
    const seen: string[] = []
    for await (const event of stream) {
      seen.push(brief(event))
      if (seen.at(-1) === '1/model text first') hold.resolve()
    }
    expect(seen).toContain('1/model text second')
  })

  it('takes back what an attempt said that failed', async () => {
    const script = [attempts(calls(text('Hel'), { type: 'break' }), text('Hello'))]
    const chunks = (await collect(agentOf(script).stream('go'))).filter((event) => 'stepId' in event)
    expect(chunks.map(brief)).toEqual([
      '1/model start',
      '1/model text Hel',
      '1/model superseded',
      '1/model start',
      '1/model text Hello',
      '1/model end',
    ])
    expect(chunks[0]?.nonce).toBe(chunks[2]?.nonce)
    expect(chunks[0]?.nonce).not.toBe(chunks[3]?.nonce)
  })

  it('rejects as the run does, at the end of what was told', async () => {
    const stream = agentOf([call('a'), retryableFailure()], { tools: [toolOf('a')] }).stream('go')
    const seen: string[] = []
    const iterating = (async () => {
      for await (const event of stream) seen.push(event.type)
    })()
    expect(await failureOf(iterating)).toMatchObject({ code: 'MODEL_FAILED' })
    expect(await failureOf(stream.result)).toMatchObject({ code: 'MODEL_FAILED' })
    expect(seen.at(-1)).toBe('run-finished')
  })

  it('that nobody reads does not stop the run, nor does leaving early', async () => {
    expect(await agentOf([text('x')]).stream('go').result).toMatchObject({ status: 'completed' })
    const stream = agentOf([text('x')]).stream('go')
    for await (const event of stream) if (event.type === 'run-started') break
    expect(await stream.result).toMatchObject({ status: 'completed' })
  })

  it('can be read by two, who share what comes; both end', async () => {
    const stream = agentOf([
      reply(text('x'), { latency: () => new Promise((resolve) => setImmediate(resolve)) }),
    ]).stream('go')
    const [a, b] = await Promise.all([collect(stream), collect(stream)])
    expect(a.length + b.length).toBeGreaterThan(5)
  })

  it('of a run that is taken up tells the replay too, as such, and publishes no chunk again', async () => {
    const journal = new Map<string, string>()
    const build = () => agentOf([text('x')], { use: [mapDurabilityPlugin(journal)] })
    await build().run('go', { runId: 'r' })
    const events = await collect(build().stream('go', { runId: 'r' }))
    expect(events.filter((event) => 'stepId' in event)).toEqual([])
    expect(events.map((event) => ('phase' in event ? event.phase : ''))).toEqual(events.map(() => 'replay'))
    expect(events.at(-1)).toMatchObject({ type: 'run-finished', status: 'completed' })
  })

  it('that waits ends with what it waits for', async () => {
    const stream = agentOf([call('a')], { tools: [toolOf('a', { approval: true })] }).stream('go')
    const events = await collect(stream)
    expect(events.at(-1)).toMatchObject({ type: 'wait-opened', waitId: '1/tool/0/a/approval' })
    expect(await stream.result).toMatchObject({ status: 'waiting' })
  })
})
