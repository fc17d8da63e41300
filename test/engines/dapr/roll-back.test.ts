/** A roll-back of a deploy that diverged, where what comes next is large: it is in rows, and not in the history. */
import type { AgentPlugin } from 'holdfast'
import { Agent, tool, withInput } from 'holdfast'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readerModel } from '../../support/reader-model.ts'
import type { DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

const LARGE = 100_000

let world: DaprWorld

beforeAll(async () => {
  world = await daprWorld()
})

afterAll(() => world.close())

/** Makes agents whose tool says when it begins, and gives so many letters when it may. */
function newAgents(letters: number, plugins: readonly AgentPlugin[]) {
  const begun = Promise.withResolvers<void>()
  const may = Promise.withResolvers<void>()
  const execute = async (): Promise<string> => {
    begun.resolve()
    await may.promise
    return 'x'.repeat(letters)
  }
  const make = (): Agent => {
    const agent = new Agent({
      name: 'giver',
      model: readerModel([[{ tool: 'give', input: {} }], 'done']),
      tools: [tool({ name: 'give', input: { type: 'object' }, execute })],
    })
    return plugins.reduce((made, plugin) => made.use(plugin), agent)
  }
  return { make, begun: begun.promise, go: () => may.resolve() }
}

const counting: AgentPlugin = {
  name: 'counting',
  tasks: { count: (given) => String(given).length },
  hooks: {
    async BeforeModelCall(event) {
      if (event.step.id === '2/model')
        event.run.state = { count: await event.task('count', 'x'.repeat(LARGE)) } as never
    },
  },
}

describe.concurrent('a roll-back', () => {
  for (const large of ['output', 'input']) {
    test(`of a run whose next step has a large ${large}`, { timeout: 30_000 }, async () => {
      const app = await world.app()
      const { make, begun, go } = large === 'output' ? newAgents(LARGE, []) : newAgents(1, [counting])
      const first = app.work([make()])
      const run = await app.runs.start(make(), 'go', { runId: large })
      await begun
      // It takes nothing more. With what its tool gives, the turn comes in which the run diverges.
      const stopped = first.stop()
      const bad = app.work([
        make().on('BeforeToolCall', (event) => {
          event.step = withInput(event.step, { other: true } as never)
        }),
      ])
      go()
      await expect.poll(async () => (await run.status()).error?.code, { timeout: 10_000 }).toBe('DIVERGED')
      await Promise.all([stopped, bad.stop()])
      app.work([make()])
      const { status, text, state } = await run.result()
      expect({ status, text }).toEqual({ status: 'completed', text: 'done' })
      if (large === 'input') expect(state.plugins['counting']).toEqual({ count: LARGE })
    })
  }
})
