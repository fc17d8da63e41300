/** A roll-back of a deploy that diverged, where what comes next is large: it is in rows, and not in the history. */
import { Agent, tool, withInput } from 'holdfast'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readerModel } from '../../support/reader-model.ts'
import type { AppWorld, DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

const LARGE = 100_000

let world: DaprWorld
let app: AppWorld
/** The agents whose present deploy does another step than the one before it. */
const bad = new Set<string>()

/** With what its tool gives, the turn comes in which the run diverges. */
function agentOf(name: string, letters: number): Agent {
  return new Agent({
    name,
    model: readerModel([[{ tool: 'give', input: {} }], 'done']),
    tools: [
      tool({
        name: 'give',
        input: { type: 'object' },
        execute: () => {
          bad.add(name)
          return 'x'.repeat(letters)
        },
      }),
    ],
  }).on('BeforeToolCall', (event) => {
    if (bad.has(name)) event.step = withInput(event.step, { other: true } as never)
  })
}

const output = agentOf('output', LARGE)
const input = agentOf('input', 1).use({
  name: 'counting',
  tasks: { count: (given) => String(given).length },
  hooks: {
    async BeforeModelCall(event) {
      if (event.step.id === '2/model')
        event.run.state = { count: await event.task('count', 'x'.repeat(LARGE)) } as never
    },
  },
})

beforeAll(async () => {
  world = await daprWorld()
  app = await world.app()
  app.work([output, input])
})

afterAll(() => world.close())

describe.concurrent('a roll-back', () => {
  for (const agent of [output, input]) {
    test(`of a run whose next step has a large ${agent.name}`, { timeout: 30_000 }, async () => {
      const run = await app.runs.start(agent, 'go', { runId: agent.name })
      await expect.poll(async () => (await run.status()).error?.code, { timeout: 10_000 }).toBe('DIVERGED')
      bad.delete(agent.name)
      const { status, text, state } = await run.result()
      expect({ status, text }).toEqual({ status: 'completed', text: 'done' })
      if (agent === input) expect(state.plugins['counting']).toEqual({ count: LARGE })
    })
  }
})
