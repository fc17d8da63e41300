/** A run that ends its workers again and again is parked, not restarted for ever. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunHandle } from 'holdfast'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { temporalRuns } from '../../../src/plugins/temporal/client.ts'
import { createContractAgent } from '../../support/contract-agent.ts'
import { keepAlive } from './support/children.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-temporal-parking-'))
let world: TemporalWorld
beforeAll(async () => {
  world = await temporalWorld()
})
afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true })
})

const statusOf = async (run: RunHandle): Promise<string | undefined> =>
  (await run.status().catch(() => undefined))?.status

test('three workers are lost, then nobody tries again until somebody says so', async () => {
  const effects = join(folder, 'effects')
  writeFileSync(effects, '')
  const taskQueue = 'parking'
  // On the spot, before it could tell anybody anything.
  const killing = { killAt: 'before-effect 2/model', killMark: `${effects}-mark`, killTimes: 3, killDelay: 0 }
  const worker = keepAlive({ taskQueue, effects, ...killing })
  const runs = temporalRuns(world.client, { taskQueue, heartbeatTimeout: 1_000, patience: 3_000 })
  const agent = createContractAgent({ effects })
  const input = 'Fly me to Tokyo'
  try {
    const run = await runs.start(agent, input, { runId: 'parking', workflow: 'contractWorkflow' })
    await expect(run.result()).rejects.toMatchObject({ code: 'RUN_PARKED', details: { step: '2/model', lost: 3 } })
    expect(worker.deaths()).toBe(3)
    expect(await run.status()).toMatchObject({ status: 'parked', error: { code: 'RUN_PARKED' } })
    const parked = async (): Promise<string[]> => {
      const ids: string[] = []
      for await (const { runId } of runs.list({ status: 'parked', agent: 'travel' })) ids.push(runId)
      return ids
    }
    await expect.poll(parked, { timeout: 10_000 }).toEqual(['parking'])
    await runs.unpark('parking')
    await expect.poll(() => statusOf(run), { timeout: 20_000 }).toBe('waiting')
    await run.respond('2/tool/0/bookFlight/approval', { approved: true })
    expect(await run.result()).toMatchObject({ status: 'completed', turns: 3 })
    expect(worker.deaths()).toBe(3)
  } finally {
    await worker.stop()
  }
}, 90_000)

test('a parked run can be cancelled', async () => {
  const effects = join(folder, 'cancelled')
  writeFileSync(effects, '')
  const taskQueue = 'parking-cancelled'
  const killing = { killAt: 'before-effect 1/model', killMark: `${effects}-mark`, killTimes: 9 }
  const worker = keepAlive({ taskQueue, effects, ...killing })
  const runs = temporalRuns(world.client, { taskQueue, heartbeatTimeout: 1_000, patience: 3_000, parkAfter: 1 })
  try {
    const agent = createContractAgent({ effects })
    const run = await runs.start(agent, 'go', { runId: 'parking-cancelled', workflow: 'contractWorkflow' })
    await expect.poll(() => statusOf(run), { timeout: 30_000 }).toBe('parked')
    expect(worker.deaths()).toBe(1)
    await run.cancel('not worth it')
    expect(await run.result()).toMatchObject({ status: 'cancelled', reason: 'not worth it' })
  } finally {
    await worker.stop()
  }
}, 60_000)
