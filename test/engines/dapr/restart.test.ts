/** Death of Dapr's own processes, alone and together with the worker. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createContractAgent } from '../../support/contract-agent.ts'
import { killChild, startChild } from './support/children.ts'
import { answerAll, expectTrip, INPUT, newEffects, untilWaiting } from './support/trip.ts'
import type { DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-dapr-restart-'))
let world: DaprWorld
let next = 0

beforeAll(async () => {
  world = await daprWorld()
})

afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true })
})

const effectsFile = (): string => newEffects(join(folder, `effects-${next++}`))

test('daprd is killed: the worker comes back by itself, and says so in one line each way', async () => {
  const effects = effectsFile()
  const app = await world.app()
  const lines: string[] = []
  const agent = createContractAgent({ effects })
  app.work([agent], { log: (line) => lines.push(line) })
  const run = await app.runs.start(agent, INPUT, { runId: 'trip' })
  await untilWaiting(run)
  await app.daprd.kill()
  await expect.poll(() => lines.length, { timeout: 10_000 }).toBe(1)
  await app.daprd.start()
  expectTrip(await answerAll(run), effects)
  expect(lines).toEqual([
    expect.stringContaining('has no daprd'),
    expect.stringContaining('is connected to daprd again'),
  ])
  await app.close()
})

test('daprd ends by itself and comes back: the worker does, too, and nobody hears more than a line each way', async () => {
  const effects = effectsFile()
  const app = await world.app()
  const heard: string[] = []
  const hear = (level: string) => (line: string) => void heard.push(`${level} ${line}`)
  const logger = { error: hear('error'), warn: hear('warn'), debug: () => {} }
  const agent = createContractAgent({ effects })
  app.work([agent], { logger })
  const run = await app.runs.start(agent, INPUT, { runId: 'trip' })
  await untilWaiting(run)
  await app.daprd.stop()
  await expect.poll(() => heard.length, { timeout: 10_000 }).toBe(1)
  await app.daprd.start()
  expectTrip(await answerAll(run), effects)
  expect(heard).toEqual([
    expect.stringMatching(/^warn .*has no daprd/),
    expect.stringMatching(/^warn .*is connected to daprd again/),
  ])
  await app.close()
})

test("the SDK's lines go to the logger of the agents, and none to the console", async () => {
  const effects = effectsFile()
  const app = await world.app()
  const heard = new Set<string>()
  const printed = vi.spyOn(console, 'info')
  const logger = { error: () => {}, warn: () => {}, info: (line: string) => void heard.add(line) }
  const agent = createContractAgent({ effects })
  app.work([agent], { logger })
  const run = await app.runs.start(agent, INPUT, { runId: 'trip' })
  expectTrip(await answerAll(run), effects)
  expect([...heard].join('\n')).toMatch(/Worker\].*work item[\s\S]*OrchestrationExecutor\].*new history event/)
  expect(printed).not.toHaveBeenCalled()
  printed.mockRestore()
  await app.close()
})

test('daprd is not there when the worker starts', async () => {
  const effects = effectsFile()
  const app = await world.app()
  await app.daprd.kill()
  const agent = createContractAgent({ effects })
  const lines: string[] = []
  app.work([agent], { log: (line) => lines.push(line) })
  await expect.poll(() => lines.length, { timeout: 10_000 }).toBe(1)
  await app.daprd.start()
  const run = await app.runs.start(agent, INPUT, { runId: 'trip' })
  expectTrip(await answerAll(run), effects)
  await app.close()
})

test('daprd and the worker are killed together', async () => {
  const effects = effectsFile()
  const app = await world.app()
  const first = await startChild({ daprd: app.daprd, effects })
  const run = await app.runs.start(createContractAgent({ effects }), INPUT, { runId: 'trip' })
  await untilWaiting(run)
  await Promise.all([app.daprd.kill(), killChild(first)])
  await app.daprd.start()
  const second = await startChild({ daprd: app.daprd, effects })
  try {
    expectTrip(await answerAll(run), effects)
  } finally {
    await killChild(second)
    await app.close()
  }
})

test('the scheduler is killed and started again', async () => {
  const effects = effectsFile()
  const app = await world.app()
  const agent = createContractAgent({ effects })
  app.work([agent])
  const run = await app.runs.start(agent, INPUT, { runId: 'trip' })
  await untilWaiting(run)
  await world.cluster.scheduler.kill()
  world.cluster.scheduler.start()
  expectTrip(await answerAll(run), effects)
  await app.close()
})
