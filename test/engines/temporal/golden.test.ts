/**
 * Histories of released versions, replayed: a change of the loop or of the plugin that runs in flight would not survive is
 * found here. With HOLDFAST_RECORD=1 a history is recorded for what is there now, under the name of the version. One that is
 * there is kept: runs of that version may be in flight. Before the first release none are: a recording of 0.1.0 was replaced when
 * the fingerprint of a model step changed, and can't be replayed any more.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js'
import { Worker } from '@temporalio/worker'
import { expect, inject, test } from 'vitest'
import packageJson from '../../../package.json' with { type: 'json' }
import { createContractAgent } from '../../support/contract-agent.ts'
import { temporalWorld } from './support/world.ts'

const folder = fileURLToPath(new URL('./golden', import.meta.url))
const APPROVAL = '2/tool/0/bookFlight/approval'

const workflowBundle = (): { codePath: string } => ({ codePath: inject('temporal').bundle })
const read = (name: string): { events: GoldenEvent[] } => JSON.parse(readFileSync(join(folder, name), 'utf8'))

interface GoldenEvent {
  activityTaskScheduledEventAttributes?: { input: { payloads: { data: string }[] } }
  activityTaskCompletedEventAttributes?: { result: { payloads: { data: string }[] } }
}

test.skipIf(!process.env['HOLDFAST_RECORD'])('record', async () => {
  const file = join(folder, `contract-${packageJson.version}.json`)
  expect(existsSync(file), `${file} is there already: raise the version, or delete what was never released`).toBe(false)
  const effects = join(mkdtempSync(join(tmpdir(), 'holdfast-golden-')), 'effects')
  const world = await temporalWorld()
  await world.work([createContractAgent({ effects })])
  const agent = createContractAgent({ effects })
  const run = await world.runs.start(agent, 'Fly me', { runId: 'golden', workflow: 'contractWorkflow' })
  await expect.poll(async () => (await run.status()).status, { timeout: 20_000 }).toBe('waiting')
  await run.respond(APPROVAL, { approved: true, by: 'Ann' })
  await run.result()
  const history = await world.client.workflow.getHandle('golden').fetchHistory()
  const text = `${JSON.stringify(JSON.parse(historyToJSON(history), scrub))}\n`
  writeFileSync(file, text, { flag: 'wx' })
  await world.close()
  rmSync(join(effects, '..'), { recursive: true })
})

/** Nothing of the machine on which it was recorded. */
function scrub(key: string, value: unknown): unknown {
  if (key === 'stackTrace') return ''
  return typeof value === 'string' && /^\d+@/.test(value) ? 'recorder' : value
}

const golden = readdirSync(folder).filter((name) => name.endsWith('.json'))

test('there are histories', () => expect(golden.length).toBeGreaterThan(0))

test.each(golden)('%s is replayed', async (name) => {
  await Worker.runReplayHistory({ workflowBundle: workflowBundle() }, read(name), 'golden')
})

test.each(golden)('%s with another outcome of a step is not: the divergence is named', async (name) => {
  const history = read(name)
  const completed = history.events.find((event) => event.activityTaskCompletedEventAttributes)
  const [payload] = completed?.activityTaskCompletedEventAttributes?.result.payloads ?? []
  if (!payload) throw new Error('no step in the history')
  const record = JSON.parse(Buffer.from(payload.data, 'base64').toString())
  payload.data = Buffer.from(JSON.stringify({ ...record, of: 'model:model:another' })).toString('base64')
  const replayed = Worker.runReplayHistory({ workflowBundle: workflowBundle() }, history, 'golden')
  await expect(replayed).rejects.toThrow(/step 1\/model is not the one that was recorded/)
})
