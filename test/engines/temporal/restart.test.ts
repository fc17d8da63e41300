/** The server is killed and started again on its file, in the middle of runs. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { expect, test } from 'vitest'
import { startTemporal } from '../../../scripts/temporal-server.mjs'
import { temporalRuns } from '../../../src/plugins/temporal/client.ts'
import { createContractAgent } from '../../support/contract-agent.ts'
import { killChild, startChild } from './support/children.ts'

const APPROVAL = '2/tool/0/bookFlight/approval'

test('a run that waits and a run that works go on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-temporal-restart-'))
  const effects = join(folder, 'effects')
  writeFileSync(effects, '')
  const db = join(folder, 'temporal.sqlite')
  let server = await startTemporal({ db })
  const { address, port } = server
  const child = await startChild({ taskQueue: 'holdfast', effects, address })
  const connection = await Connection.connect({ address })
  try {
    const runs = temporalRuns(new Client({ connection }))
    const agent = createContractAgent({ effects })
    const waiting = await runs.start(agent, 'Fly me', { runId: 'waiting', workflow: 'contractWorkflow' })
    const status = async () => (await waiting.status().catch(() => undefined))?.status
    await expect.poll(status, { timeout: 20_000 }).toBe('waiting')
    const working = await runs.start(agent, 'Fly me', { runId: 'working', workflow: 'contractWorkflow' })
    await server.stop()
    server = await startTemporal({ db, port })
    const respond = async (run: typeof waiting) =>
      run.respond(APPROVAL, { approved: true }).then(
        () => true,
        (error: { code?: string }) => error.code === 'WAIT_ANSWERED',
      )
    await expect.poll(() => respond(waiting), { timeout: 40_000 }).toBe(true)
    await expect.poll(() => respond(working), { timeout: 40_000 }).toBe(true)
    for (const run of [waiting, working]) expect(await run.result()).toMatchObject({ status: 'completed', turns: 3 })
    const lines = readFileSync(effects, 'utf8').split('\n')
    expect(lines.filter((line) => line.startsWith('bookFlight'))).toHaveLength(2)
  } finally {
    await killChild(child)
    await connection.close()
    await server.stop()
    rmSync(folder, { recursive: true })
  }
})
