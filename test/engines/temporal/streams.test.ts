/** Tokens from a worker in another process, through a sink in a file that both can reach. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StreamChunk, StreamSink } from 'holdfast'
import { memoryStreams } from 'holdfast'
import { sqliteDurabilityPlugin } from 'holdfast/sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporalRuns } from '../../../src/plugins/temporal/client.ts'
import { agentOf, call, text, toolOf } from '../../support/kit.ts'
import { keepAlive } from './support/children.ts'
import { createStreamer } from './support/streamer.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-temporal-streams-'))
let world: TemporalWorld
beforeAll(async () => {
  world = await temporalWorld()
})
afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true })
})

/** What each execution of a step said, in the order in which they began. */
function executionsOf(chunks: readonly StreamChunk[], step: string): { text: string; end: string }[] {
  const all = Object.groupBy(
    chunks.filter(({ stepId }) => stepId === step),
    ({ nonce }) => nonce,
  )
  return Object.values(all).map((own = []) => ({
    text: own.map((chunk) => (chunk.type === 'text' ? chunk.delta : '')).join(''),
    end: own.at(-1)?.type ?? '',
  }))
}

test('what a killed worker had said is taken back, the last word is there, and the reader ends with the run', async () => {
  const path = join(folder, 'streams.db')
  const plugin = sqliteDurabilityPlugin({ path })
  const streams = plugin.durability?.streams as StreamSink
  const taskQueue = 'streams-killed'
  const worker = keepAlive({ taskQueue, effects: join(folder, 'effects'), streams: path })
  try {
    const runs = temporalRuns(world.client, { taskQueue, heartbeatTimeout: 1_000, streams })
    const run = await runs.start(createStreamer(), 'go', { runId: 'killed-streamer' })
    const chunks: StreamChunk[] = []
    for await (const chunk of run.events()) {
      chunks.push(chunk)
      if (chunks.filter(({ type }) => type === 'text').length === 1) worker.kill()
    }
    expect(executionsOf(chunks, '1/model')).toEqual([
      { text: expect.stringMatching(/^Hel/), end: 'superseded' },
      { text: 'Hello, world.', end: 'end' },
    ])
    expect(executionsOf(chunks, '2/model')).toEqual([{ text: 'Bye, and thanks.', end: 'end' }])
    expect(worker.deaths()).toBe(1)
    expect(await run.result()).toMatchObject({ status: 'completed' })
    // A reader that comes later has all of it, too; one that was away goes on where it was.
    const cursor = chunks[3]?.cursor as string
    const later: StreamChunk[] = []
    for await (const chunk of run.events({ from: cursor })) later.push(chunk)
    expect(later).toEqual(chunks.slice(4))
  } finally {
    await worker.stop()
    await plugin.dispose?.()
  }
}, 60_000)

test('an agent that has a place for its streams has it on a worker, too', async () => {
  const streams = memoryStreams()
  const agent = agentOf([text('Hi.')], { name: 'own-streams', streams })
  const stop = await world.work([agent])
  const runs = temporalRuns(world.client, { taskQueue: world.taskQueue, streams })
  const run = await runs.start(agent, 'go', { runId: 'own-streams' })
  const chunks: StreamChunk[] = []
  for await (const chunk of run.events()) chunks.push(chunk)
  expect(executionsOf(chunks, '1/model')).toEqual([{ text: 'Hi.', end: 'end' }])
  await stop()
})

test('a run that the server ended has an end for its readers as well', async () => {
  const streams = memoryStreams()
  const agent = agentOf([call('ask'), text('done')], { name: 'ended', tools: [toolOf('ask', { approval: true })] })
  const stop = await world.work([agent], { streams })
  const runs = temporalRuns(world.client, { taskQueue: world.taskQueue, streams })
  const run = await runs.start(agent, 'go', { runId: 'ended' })
  await expect.poll(async () => (await run.status()).status, { timeout: 10_000 }).toBe('waiting')
  await world.client.workflow.getHandle('ended').terminate()
  const chunks: StreamChunk[] = []
  for await (const chunk of run.events()) chunks.push(chunk)
  expect(chunks.map(({ stepId }) => stepId)).toContain('1/model')
  await stop()
})
