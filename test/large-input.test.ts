/** Large files of what a run is started with go into the payload store: what is recorded are their references. */
import type { Message, RunInput } from 'holdfast'
import { memoryPayloads, memoryStreams } from 'holdfast'
import { expect, it, onTestFinished, vi } from 'vitest'
import { agentOf, failureOf, overTheWire, scriptedModel, text } from './support/kit.ts'
import { mapDurabilityPlugin } from './support/map-engine.ts'

const LARGE = 'AAAA'.repeat(30_000)
const file = (base64: string) => ({ type: 'file', mediaType: 'image/png', data: { type: 'data', base64 } }) as const
const said = { type: 'text', text: 'What is it?' } as const
const input: RunInput = [said, file(LARGE), file('AAAA')]
const messages: readonly Message[] = [{ role: 'user', content: [file(LARGE.replace('A', 'B'))] }]
const reference = { type: 'stored', ref: expect.any(String), size: 90_000 }

it('without an engine: the model is shown the bytes, the conversation has references', async () => {
  const model = scriptedModel([text('A picture.')])
  const agent = agentOf(model, { payloads: memoryPayloads() })
  const { messages: all } = await agent.run(input, { messages })
  expect(all.map(({ content }) => content)).toMatchObject([
    [{ data: reference }],
    [said, { data: reference }, file('AAAA')],
    [{ text: 'A picture.' }],
  ])
  expect(JSON.stringify(all).length).toBeLessThan(2_000)
  const shown = model.calls[0]?.prompt.at(-1)?.content[1] as { data: { data: Uint8Array } }
  expect(shown.data.data).toHaveLength(90_000)
})

it('on an engine: no record has them, and a second process reads them from the store', async () => {
  const journal = new Map<string, string>()
  const payloads = memoryPayloads()
  const run = (replies: Parameters<typeof scriptedModel>[0]) => {
    const model = scriptedModel(replies)
    const plugin = mapDurabilityPlugin(journal)
    const durability = { ...plugin.durability, payloads } as NonNullable<typeof plugin.durability>
    return agentOf(model, { use: [{ ...plugin, durability }] }).run(input, { runId: 'r', messages })
  }
  const first = await run([text('A picture.')])
  expect([...journal.values()].join('').length).toBeLessThan(3_000)
  expect(first.messages.map(({ content }) => content[0])).toMatchObject([{ data: reference }, said, { type: 'text' }])
  expect(overTheWire(await run([]))).toEqual(overTheWire(first))
  await expect(
    agentOf([], { use: [mapDurabilityPlugin(journal)] }).run([said], { runId: 'r', messages }),
  ).rejects.toMatchObject({ code: 'RUN_CONFLICT' })
})

/** A store that is away for the first `failures` times. */
function flakyPayloads(failures: number) {
  const store = memoryPayloads()
  let left = failures
  return {
    ...store,
    put: async (bytes: Uint8Array) => (left-- > 0 ? Promise.reject(new Error('503')) : store.put(bytes)),
  }
}

it('a store that fails once is asked again, and the failure is not what is recorded', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  for (const use of [[], [mapDurabilityPlugin(new Map())]]) {
    const agent = agentOf([text('A picture.')], { use, payloads: flakyPayloads(1) })
    const run = agent.run(input, { runId: 'r' })
    await vi.runAllTimersAsync()
    expect((await run).messages[0]?.content[1]).toMatchObject({ data: reference })
  }
})

it('a store that stays away fails the run with what to look at, and the stream of the run ends', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'Date'] })
  onTestFinished(() => void vi.useRealTimers())
  const streams = memoryStreams()
  const agent = agentOf([text('A picture.')], { payloads: flakyPayloads(9), streams })
  const failed = failureOf(agent.run(input, { runId: 'r' }))
  await vi.runAllTimersAsync()
  expect(await failed).toMatchObject({
    code: 'TASK_FAILED',
    message: expect.stringContaining('payload store: Error: 503'),
  })
  for await (const chunk of streams.read('r')) expect(chunk).toBeUndefined()
})

it('without a store they stay where they are', async () => {
  const { messages: all } = await agentOf([text('A picture.')]).run(input)
  expect(all[0]?.content[1]).toEqual(file(LARGE))
})
