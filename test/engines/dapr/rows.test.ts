/** Rows in the state store: what a run leaves there while it is known, and that nothing is left when it is deleted. */
import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createContractAgent } from '../../support/contract-agent.ts'
import { killChild, startChild } from './support/children.ts'
import { answerAll, APPROVAL, expectTrip, INPUT, newEffects, untilWaiting } from './support/trip.ts'
import type { AppWorld, DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-dapr-rows-'))
let world: DaprWorld
let app: AppWorld

beforeAll(async () => {
  world = await daprWorld()
  app = await world.app({ continueAfter: 4 })
})

afterAll(async () => {
  await world.close()
  rmSync(folder, { recursive: true })
})

interface Row {
  readonly key: string
  readonly value: string
  /** Whether the store deletes it by itself. */
  readonly ends: boolean
}

/** All rows of the store, Dapr's own for its workflows included. */
function allRows(): Row[] {
  const database = new DatabaseSync(app.daprd.database, { readOnly: true })
  try {
    const rows = database.prepare('SELECT key, value, expiration_time FROM state').all()
    return rows.map(({ key, value, expiration_time }) => ({
      key: String(key),
      value: String(value),
      ends: expiration_time !== null,
    }))
  } finally {
    database.close()
  }
}

test('a run that is deleted leaves no row, whether it has ended or not', async () => {
  const effects = newEffects(join(folder, 'effects'))
  const agent = createContractAgent({ effects })
  const worker = await startChild({ daprd: app.daprd, effects })
  const trips = ['trip-1', 'trip-2', 'trip-3']
  const [ended, waiting, deleted] = await Promise.all(
    trips.map((runId) => app.runs.start(agent, `${INPUT}, ${runId}`, { runId })),
  )
  if (!ended || !waiting || !deleted) throw new Error('not started')
  await answerAll(ended)
  await untilWaiting(waiting)
  await untilWaiting(deleted)
  await deleted.respond(APPROVAL, { approved: false, reason: 'no' })
  await deleted.result()
  // Those of the worker, of this process, and of both executions of the workflow.
  for (const part of ['answer', 'settled', 'started', 'past', 'rows', 'run', 'index']) {
    expect(
      allRows().some(({ key }) => key.includes(`holdfast/${part}/`)),
      part,
    ).toBe(true)
  }
  for (const runId of trips) await app.runs.delete(runId)
  const left = allRows()
  // That it was deleted is known for some minutes, and nothing of what it was.
  expect(left.filter(({ ends }) => !ends)).toEqual([])
  expect(left.filter(({ value }) => value.includes('Tokyo') || value.length > 40)).toEqual([])
  await killChild(worker)
})

test('the id of a run that was deleted is that of a new one', async () => {
  const effects = newEffects(join(folder, 'effects-again'))
  const agent = createContractAgent({ effects })
  app.work([agent])
  for (let times = 0; times < 3; times++) {
    const again = newEffects(effects)
    const run = await app.runs.start(agent, INPUT, { runId: 'again' })
    expectTrip(await answerAll(run), again)
    await app.runs.delete('again')
    await expect(run.status()).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
  }
})

test('many runs are listed, and deleted', async () => {
  const agent = createContractAgent({ effects: newEffects(join(folder, 'effects-many')) })
  const ids = Array.from({ length: 40 }, (_, index) => `many-${index}`)
  await Promise.all(ids.map((runId) => app.runs.start(agent, INPUT, { runId })))
  const listed = async (): Promise<string[]> => {
    const found: string[] = []
    for await (const { runId } of app.runs.list()) found.push(runId)
    return found.sort()
  }
  expect(await listed()).toEqual([...ids].sort())
  await Promise.all(ids.slice(1).map((runId) => app.runs.delete(runId)))
  expect(await listed()).toEqual(['many-0'])
})
