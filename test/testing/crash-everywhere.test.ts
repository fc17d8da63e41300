/** Crashes at every boundary, as the author of an app asks for them. */
import { Agent, tool, wrapStep } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { conformanceAgent } from '../../src/testing/agents.ts'
import { crashEverywhere } from '../../src/testing/crash-everywhere.ts'
import { memoryEngine } from '../../src/testing/memory-engine.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import { call, calls, text } from '../../src/testing/scripted-reply.ts'
import type { World } from '../../src/testing/world.ts'

test.for(['failing', 'streamer'] as const)('agent %s, by closure and by name', async (name) => {
  for (const dispatch of ['closure', 'name'] as const) {
    const engine = memoryEngine({ dispatch })
    const report = await crashEverywhere({ agent: (world) => conformanceAgent(name, world), input: 'go', engine })
    expect(report.ok, String(report)).toBe(true)
  }
})

/** A shop with a step of each kind: tools beside each other, an approval, a hook that counts. */
function shop(world: World, change: (agent: Agent) => void = () => {}): Agent {
  const agent = new Agent({
    name: 'shop',
    model: scriptedModel([calls(call('look', {}), call('stock', {})), call('order', { item: 1 }), text('ordered')]),
    tools: [
      tool({ name: 'look', input: { type: 'object' }, execute: () => 'seen' }),
      tool({ name: 'stock', input: { type: 'object' }, execute: () => 3 }),
      tool({
        name: 'order',
        input: { type: 'object' },
        approval: true,
        effect: 'once',
        execute: async (_, { idempotencyKey }) => {
          await world.effect(idempotencyKey)
          return 'order-1'
        },
      }),
    ],
  })
  agent.on('BeforeToolCall', ({ run }) => {
    run.state = { ...run.state, calls: (run.state?.calls ?? 0) + 1 }
  })
  change(agent)
  return agent
}

describe('the report', () => {
  test.for(['closure', 'name'] as const)('has all six kinds of boundaries, by %s', async (dispatch) => {
    const report = await crashEverywhere({ agent: shop, input: 'go', engine: memoryEngine({ dispatch }) })
    expect(report.ok, String(report)).toBe(true)
    expect(new Set(report.boundaries.map(({ boundary }) => boundary))).toEqual(
      new Set(['before-effect', 'after-effect', 'after-record', 'mid-stream', 'while-waiting', 'in-hook']),
    )
    expect(report.boundaries.map(({ point }) => point)).toContain('2/tool/0/order after-effect')
    expect(report.boundaries.map(({ point }) => point)).toContain('2/tool/0/order/approval while-waiting')
    expect(String(report)).toBe(
      `${report.boundaries.length} boundaries, ${report.boundaries.length} as without a crash`,
    )
    expect(() => report.assert()).not.toThrow()
  })

  test('says at which boundary what differs', async () => {
    let stock = 3
    const agent = (world: World) =>
      shop(world, (made) =>
        made.on('BeforeModelCall', (event) => {
          // Not deterministic: it looks at something that changes.
          if (event.run.turn === 2) event.run.state = { ...event.run.state, stock: --stock }
        }),
      )
    const report = await crashEverywhere(
      { agent, input: 'go' },
      { only: ({ boundary }) => boundary === 'while-waiting' },
    )
    expect(report.ok).toBe(false)
    expect(String(report)).toMatch(/^1 boundaries, 0 as without a crash\n- 2\/tool\/0\/order\/approval while-waiting\n/)
    expect(report.boundaries[0]?.differences.join()).toMatch(/result\.plugins\.app\.stock is -?\d, expected/)
    expect(() => report.assert()).toThrow('while-waiting')
  })

  test.for(['closure', 'name'] as const)(
    'finds a compaction that makes something else of it the second time, by %s',
    async (dispatch) => {
      const times = new Map<string, number>()
      const agent = () =>
        new Agent({
          name: 'long',
          model: scriptedModel((prompt) =>
            prompt.length === 1 && prompt[0]?.role === 'user' ? call('look') : text('done'),
          ),
          tools: [tool({ name: 'look', input: { type: 'object' }, execute: () => 'seen' })],
          compact: {
            when: { messages: 3 },
            with: (messages, { runId }) => {
              times.set(runId, (times.get(runId) ?? 0) + 1)
              return [
                ...messages,
                { role: 'user', content: [{ type: 'text', text: `compacted ${times.get(runId)} times` }] },
              ]
            },
          },
        })
      const report = await crashEverywhere({ agent, input: 'go', engine: memoryEngine({ dispatch }) })
      const found = report.boundaries.filter(({ ok }) => !ok).map(({ point }) => point)
      expect(found).toEqual(['2/compact after-effect'])
    },
  )

  test('rejects with it, where that is asked for', async () => {
    let runs = 0
    const agent = () => {
      runs++
      return new Agent({ name: 'dice', model: scriptedModel([text(`run ${Math.min(runs, 2)}`)]) })
    }
    const only = ({ boundary }: { boundary: string }) => boundary === 'before-effect'
    await expect(crashEverywhere({ agent, input: 'go' }, { only, assert: true })).rejects.toThrow(
      /1\/model before-effect\n.*result\.text is "run 2", expected "run 1"/s,
    )
  })

  test('looks at what the app says that the outside looks like', async () => {
    const orders: string[] = []
    const agent = () =>
      new Agent({
        name: 'careless',
        model: scriptedModel([call('order', {}), text('ordered')]),
        tools: [tool({ name: 'order', input: { type: 'object' }, execute: () => orders.push('order') && 'ordered' })],
      })
    const effects = () => orders.splice(0)
    const only = ({ step }: { step: string }) => step === '1/tool/0/order'
    const report = await crashEverywhere({ agent, input: 'go', effects }, { only })
    const failed = report.boundaries.filter(({ ok }) => !ok)
    expect(failed).toMatchObject([
      { point: '1/tool/0/order after-effect', differences: ['effects.1 is "order", expected nothing'] },
    ])
  })

  test('a once step whose outcome nobody can tell is excused, and told of', async () => {
    const agent = (world: World) =>
      new Agent({
        name: 'booking',
        model: scriptedModel([call('book', {}), text('booked')]),
        tools: [
          tool({
            name: 'book',
            input: { type: 'object' },
            effect: 'once',
            onUnknown: 'error',
            execute: async (_, { idempotencyKey }) => world.effect(idempotencyKey),
          }),
        ],
      })
    const report = await crashEverywhere({ agent, input: 'go' })
    expect(report.ok, String(report)).toBe(true)
    expect(report.boundaries.filter(({ unknown }) => unknown).map(({ point }) => point)).toEqual([
      '1/tool/0/book before-effect',
      '1/tool/0/book after-effect',
    ])
  })

  test('people are asked by the scenario', async () => {
    const agent = (world: World) =>
      shop(world, (made) =>
        made.on('BeforeModelCall', async (event) => {
          if (event.run.turn === 3) event.run.state = { said: await event.interrupt({ name: 'sure' }) }
        }),
      )
    await expect(crashEverywhere({ agent, input: 'go' })).rejects.toThrow('the run waits for 3/model/wait/app/sure')
    const answers = ({ input }: { input: { type: string } }) =>
      input.type === 'interrupt' ? 'yes' : { approved: true }
    const only = ({ step }: { step: string }) => step.startsWith('3/')
    const report = await crashEverywhere({ agent, input: 'go', answers }, { only })
    expect(report.ok, String(report)).toBe(true)
    expect(report.boundaries.length).toBeGreaterThan(4)
  })

  test('a wrapper that hides a crash from nobody', async () => {
    const agent = (world: World) =>
      shop(world, (made) =>
        made.on('BeforeToolCall', (event) => {
          event.step = wrapStep(event.step, (run) => run().catch(() => run()))
        }),
      )
    const report = await crashEverywhere({ agent, input: 'go' }, { only: ({ step }) => step.startsWith('1/tool') })
    expect(report.ok, String(report)).toBe(true)
  })
})
