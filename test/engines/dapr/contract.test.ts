/** The contract on a real daprd: the agent of test/contract.test.ts, hooks and all, with the same outcome as without an engine. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunResult } from 'holdfast'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createContractAgent } from '../../support/contract-agent.ts'
import type { AppWorld, DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

const APPROVAL = '2/tool/0/bookFlight/approval'
const INPUT = 'Fly me to Tokyo'
const folder = mkdtempSync(join(tmpdir(), 'holdfast-dapr-contract-'))
const effects = join(folder, 'effects')

let world: DaprWorld
let app: AppWorld

beforeAll(async () => {
  world = await daprWorld()
  app = await world.anyApp()
  app.work([createContractAgent({ effects })])
})

afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true })
})

beforeEach(() => writeFileSync(effects, ''))

const effectsDone = (): string[] => readFileSync(effects, 'utf8').split('\n').filter(Boolean).sort()

function essence({ status, text, messages, usage, turns, state }: RunResult): unknown {
  return { status, text, messages, usage, turns, plugins: state.plugins, conversation: state.messages }
}

async function inMemory(runId: string): Promise<unknown> {
  const waiting = await createContractAgent({ effects }).run(INPUT, { runId })
  const state = JSON.parse(JSON.stringify(waiting.state))
  return essence(await createContractAgent({ effects }).resume(state, { [APPROVAL]: { approved: true } }))
}

test('the same result as without an engine, and nothing is done twice', async () => {
  const runId = `trip-${process.pid}`
  const expected = await inMemory(runId)
  const expectedEffects = effectsDone()
  writeFileSync(effects, '')
  const run = await app.runs.start(createContractAgent({ effects }), INPUT, { runId })
  await expect.poll(async () => (await run.status()).status, { timeout: 20_000 }).toBe('waiting')
  const status = await run.status()
  expect(status.waits.map(({ id }) => id)).toEqual([APPROVAL])
  expect(status.waits[0]?.input).toMatchObject({ type: 'approval', tool: 'bookFlight' })
  await run.respond(APPROVAL, { approved: true })
  expect(essence(await run.result())).toEqual(expected)
  expect(effectsDone()).toEqual(expectedEffects)
  expect(await run.status()).toMatchObject({ agent: 'travel', status: 'completed', waits: [] })
})
