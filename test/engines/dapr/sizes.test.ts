/** Sizes: what Dapr would hang at is refused at once, and what can go another way does. On a daprd with its own limits. */
import { Agent, tool } from 'holdfast'
import { call, calls, scriptedModel, text } from 'holdfast/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readerModel } from '../../support/reader-model.ts'
import type { AppWorld, DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

const ANY = { type: 'object' } as const
const MEGABYTE = 1_000_000

let world: DaprWorld
let app: AppWorld

/** Calls `count` tools beside each other, each of which gives so many letters. */
function agentOf(name: string, count: number, letters: number): Agent {
  return new Agent({
    name,
    model: readerModel([
      Array.from({ length: count }, () => ({ tool: 'give', input: {} })),
      (results) => `the last has ${JSON.stringify(results['give']).slice(0, 150)}`,
    ]),
    tools: [
      tool({
        name: 'give',
        input: ANY,
        execute: () => 'x'.repeat(letters),
      }),
    ],
  })
}

const large = agentOf('large', 1, 2.5 * MEGABYTE)
const many = agentOf('many', 8, 1.5 * MEGABYTE)
const asking = agentOf('asking', 1, 10).use({
  name: 'asking',
  tasks: { count: (input) => JSON.stringify(input).length },
  hooks: {
    async BeforeToolCall(event) {
      const { size, tasks } = event.run.context as { size: number; tasks: number }
      const all = Array.from({ length: tasks }, () => event.task('count', 'x'.repeat(size)))
      event.run.state = { counts: await Promise.all(all) } as never
    },
  },
})

const TURNS = 200

/** 4 KB in each turn. */
const talker = new Agent({
  name: 'talker',
  model: scriptedModel((_, turn) =>
    turn < TURNS ? calls(text('x'.repeat(2_000)), call('look', { turn })) : text(`${TURNS} turns`),
  ),
  tools: [tool({ name: 'look', input: ANY, execute: () => 'y'.repeat(2_000) })],
  limits: { turns: TURNS },
})

beforeAll(async () => {
  world = await daprWorld()
  app = await world.app({ maxBodySize: '4Mi' })
  app.work([large, many, asking, talker])
})

afterAll(() => world.close())

describe.concurrent('sizes', () => {
  test('what a tool gave that is too large is not denied to have been done', async () => {
    const run = await app.runs.start(large, 'go', { runId: 'large' })
    expect((await run.result()).text).toContain('"ran":true')
  })

  test('tools that give 12 MB together, and a model that is shown all of it', async () => {
    const run = await app.runs.start(many, 'go', { runId: 'many' })
    const { messages, text } = await run.result()
    expect(text).toContain('xxx')
    expect(JSON.stringify(messages[2]).length).toBeGreaterThan(12 * MEGABYTE)
  })

  test('a first message of 2 MB', async () => {
    const run = await app.runs.start(many, 'x'.repeat(2 * MEGABYTE), { runId: 'long' })
    expect(await run.result()).toMatchObject({ status: 'completed' })
  })

  test('an input that is too large for a start is refused at once', async () => {
    const start = app.runs.start(large, 'x'.repeat(4 * MEGABYTE), { runId: 'huge' })
    await expect(start).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' })
  })

  test('an input that is too large for an activity ends the run at once', async () => {
    const context = { size: 2 * MEGABYTE, tasks: 1 }
    const run = await app.runs.start(asking, 'go', { runId: 'too-large', context })
    const failure = await run.result().catch((error: unknown) => error)
    expect(failure).toMatchObject({
      kind: 'terminal',
      message: expect.stringContaining('bytes of JSON, and Dapr takes'),
    })
  })

  test('inputs that are too large together', async () => {
    const context = { size: 1.5 * MEGABYTE, tasks: 6 }
    const run = await app.runs.start(asking, 'go', { runId: 'together', context })
    const { state } = await run.result()
    expect(state.plugins['asking']).toEqual({ counts: Array.from({ length: 6 }, () => 1.5 * MEGABYTE + 2) })
  })

  test('a conversation of 200 turns', async () => {
    const run = await app.runs.start(talker, 'go', { runId: 'talk' })
    const result = await run.result()
    expect(result).toMatchObject({ status: 'completed', text: '200 turns', turns: TURNS })
    expect(JSON.stringify(result.messages).length).toBeGreaterThan(800_000)
  })

  test('many inputs, none of which is large', async () => {
    const context = { size: 60_000, tasks: 80 }
    const run = await app.runs.start(asking, 'go', { runId: 'many-inputs', context })
    const { state } = await run.result()
    expect(state.plugins['asking']).toEqual({ counts: Array.from({ length: 80 }, () => 60_002) })
  })
})
