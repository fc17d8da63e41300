/** Two workers on one task queue, neither of which has all of the conversation. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { agentOf, call, calls, scriptedModel, text, toolOf } from '../../support/kit.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

const TURNS = 30
let world: TemporalWorld
beforeAll(async () => {
  // The server hands each activity to whoever polls, not to the worker that asked for it.
  world = await temporalWorld({ eagerActivities: false })
})
afterAll(() => world.close())

test('each asks the run for what the other did', async () => {
  const done: Record<string, number> = {}
  const shown: number[] = []
  const agent = (worker: string) => {
    const script = scriptedModel((prompt, turn) => {
      done[worker] = (done[worker] ?? 0) + 1
      shown.push(JSON.stringify(prompt).length)
      return turn <= TURNS ? calls(text(`I look. ${'l'.repeat(900)}`), call('look', { turn })) : text('done')
    })
    return agentOf(script, {
      name: 'shared',
      limits: { turns: TURNS + 5 },
      tools: [toolOf('look', { execute: (input) => ({ input, saw: 's'.repeat(900) }) as never })],
    })
  }
  await world.work([agent('one')])
  await world.work([agent('two')])
  const run = await world.runs.start(agent('client'), 'go', { runId: 'shared' })
  const { status, turns, messages } = await run.result()
  expect({ status, turns }).toEqual({ status: 'completed', turns: TURNS + 1 })
  for (let turn = 1; turn <= TURNS; turn++) {
    expect(messages[2 * turn]).toMatchObject({ content: [{ output: { value: { input: { turn } } } }] })
  }
  // What the model was shown grew with each turn: nobody was shown less than all of it.
  expect(shown.toSorted((a, b) => a - b)).toEqual(shown)
  console.log(`model calls: ${JSON.stringify(done)}`)
  expect(Object.keys(done).toSorted()).toEqual(['one', 'two'])
})
