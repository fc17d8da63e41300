/** Large files of what a run is started with go into the payload store: what is recorded are their references. */
import type { Message, RunInput } from 'holdfast'
import { memoryPayloads } from 'holdfast'
import { expect, it } from 'vitest'
import { agentOf, overTheWire, scriptedModel, text } from './support/kit.ts'
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

it('without a store they stay where they are', async () => {
  const { messages: all } = await agentOf([text('A picture.')]).run(input)
  expect(all[0]?.content[1]).toEqual(file(LARGE))
})
