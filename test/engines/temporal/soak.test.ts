/** 100 runs at once on two workers, which are killed at random. Only when asked for: HOLDFAST_SOAK=1. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunHandle } from 'holdfast'
import { expect, test } from 'vitest'
import { createContractAgent } from '../../support/contract-agent.ts'
import { killChild, startChild } from './support/children.ts'
import { temporalWorld } from './support/world.ts'

const RUNS = 100
const BOOKING = '2/tool/0/bookFlight'
const TEXT = 'Booked JL44-1; Hotel Okura; In Tokyo it is sunny.'

test.skipIf(!process.env['HOLDFAST_SOAK'])('100 runs, two workers, random kills', { timeout: 1_800_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-temporal-soak-'))
  const effects = join(folder, 'effects')
  writeFileSync(effects, '')
  // A worker is killed every few seconds, whatever it does: no run is at fault.
  const world = await temporalWorld({ heartbeatTimeout: 2_000, parkAfter: 100 })
  const { taskQueue, runs } = world
  const agent = createContractAgent({ effects })
  const options = { taskQueue, effects }
  const workers = await Promise.all([startChild(options), startChild(options)])
  const started = performance.now()
  const handles = await Promise.all(
    Array.from({ length: RUNS }, (_, index) =>
      runs.start(agent, 'Fly me', { runId: `soak-${index}`, workflow: 'contractWorkflow' }),
    ),
  )
  let ended = 0
  let kills = 0
  const results = Promise.all(
    handles.map(async (run) => {
      const result = await run.result()
      ended++
      return result
    }),
  )
  const killing = (async () => {
    while (ended < RUNS) {
      await new Promise((resolve) => setTimeout(resolve, 500 + Math.random() * 2_500))
      const one = kills % 2
      await killChild(workers[one] as (typeof workers)[0])
      kills++
      workers[one] = await startChild(options)
    }
  })()
  const unknown = (): unknown => {
    // Nobody knows which of them was booked: the effects do.
    const booked = readFileSync(effects, 'utf8')
    return (runId: string) =>
      booked.includes(`bookFlight ${runId}/${BOOKING}\n`)
        ? { status: 'done', output: 'JL44-1' }
        : { status: 'not-done' }
  }
  const answering = (async () => {
    while (ended < RUNS) {
      await Promise.all(handles.map((run) => answer(run, unknown() as (runId: string) => unknown)))
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  })()
  const all = await results
  const took = (performance.now() - started) / 1000
  await Promise.all([killing, answering])
  await Promise.all(workers.map(killChild))
  await world.close()
  console.log(`${RUNS} runs, ${kills} kills, ${took.toFixed(0)} s`)
  for (const result of all) expect(result).toMatchObject({ status: 'completed', text: TEXT, turns: 3 })
  const bookings = readFileSync(effects, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('bookFlight'))
  expect(bookings).toHaveLength(RUNS)
  expect(new Set(bookings).size).toBe(RUNS)
  rmSync(folder, { recursive: true })
})

async function answer(run: RunHandle, found: (runId: string) => unknown): Promise<void> {
  const { waits } = await run.status().catch(() => ({ waits: [] }))
  for (const { id } of waits) {
    const given = id === `${BOOKING}/approval` ? { approved: true } : found(run.runId)
    await run.respond(id, given).catch(() => {})
  }
}
