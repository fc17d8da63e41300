/** Compaction: a recorded step that starts a new base. */
import type { Message } from 'holdfast'
import { crashEverywhere } from 'holdfast/testing'
import { describe, expect, it } from 'vitest'
import { agentOf, call, failureOf, scriptedModel, text, toolOf } from './support/kit.ts'
import { mapDurabilityPlugin } from './support/map-engine.ts'

const summary: Message = { role: 'user', content: [{ type: 'text', text: 'in short: we looked' }] }

/** Looks until it is told in short that it did. */
const model = () =>
  scriptedModel((prompt) => (JSON.stringify(prompt).includes('in short') ? text('done') : call('look')))

function build(journal: Map<string, string> | undefined, done: unknown[], when: object = { messages: 5 }) {
  const asked = model()
  const agent = agentOf(asked, {
    tools: [toolOf('look')],
    compact: {
      when,
      with: async (messages, { runId, stepId, idempotencyKey }) => {
        done.push({ roles: messages.map(({ role }) => role), runId, stepId, idempotencyKey })
        return [summary]
      },
    },
    use: journal ? [mapDurabilityPlugin(journal)] : [],
  })
  return { agent, asked }
}

describe('compaction', () => {
  it('makes the conversation shorter, once, and is replayed from the record', async () => {
    const [journal, done] = [new Map<string, string>(), [] as unknown[]]
    const { agent, asked } = build(journal, done)
    const told: number[] = []
    agent.on('MessageAdded', ({ index }) => void told.push(index))
    const first = await agent.run('go', { runId: 'r' })
    const second = await build(journal, done).agent.run('go', { runId: 'r' })
    expect(second).toEqual(first)
    expect(first).toMatchObject({ text: 'done', turns: 3, state: { compactions: 1, base: { length: 1 } } })
    expect(first.messages).toEqual([summary, { role: 'assistant', content: [{ type: 'text', text: 'done' }] }])
    const stepId = '3/compact'
    expect(done).toEqual([
      { roles: ['user', 'assistant', 'tool', 'assistant', 'tool'], runId: 'r', stepId, idempotencyKey: `r/${stepId}` },
    ])
    expect(asked.calls.at(-1)?.prompt).toHaveLength(1)
    expect(told).toEqual([0, 1, 2, 3, 4, 1])
    expect([...journal.keys()]).toContain('r 3/compact')
  })

  it('is what it would have been, wherever the process dies', async () => {
    const report = await crashEverywhere({ agent: () => build(undefined, []).agent, input: 'go' })
    const points = report.boundaries.map(({ point }) => point)
    for (const boundary of ['before-effect', 'after-effect', 'after-record']) {
      expect(points).toContain(`3/compact ${boundary}`)
    }
    report.assert()
  })

  it('can be asked for by a hook', async () => {
    const done: unknown[] = []
    const { agent } = build(new Map(), done, {})
    agent.on('AfterToolCall', ({ run }) => run.compact())
    expect(await agent.run('go')).toMatchObject({ text: 'done', turns: 2 })
    expect(done).toHaveLength(1)
  })

  it('that fails fails the run', async () => {
    const agent = agentOf(model(), {
      tools: [toolOf('look')],
      compact: { when: { messages: 3 }, with: () => Promise.reject(new Error('no summary')) },
      modelRetry: { maxAttempts: 1 },
    })
    expect(await failureOf(agent.run('go'))).toMatchObject({ code: 'TASK_FAILED', message: 'no summary' })
  })

  it('can be denied by a hook: the run fails', async () => {
    const { agent } = build(new Map(), [])
    agent.on('BeforeTask', (event) => {
      if (event.step.name === 'holdfast.compact') event.denyStep('keep it all')
    })
    expect(await failureOf(agent.run('go'))).toMatchObject({ code: 'STEP_DENIED' })
  })
})
