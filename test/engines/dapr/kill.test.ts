/** SIGKILL of the worker at every boundary of every step of the contract agent: the run ends as it would have. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createContractAgent } from '../../support/contract-agent.ts'
import { keepAlive, killChild, startChild } from './support/children.ts'
import { answerAll, APPROVAL, expectTrip, INPUT, newEffects, untilWaiting } from './support/trip.ts'
import { BOOKING, STEPS } from './support/trip-steps.ts'
import type { DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-dapr-kill-'))
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

describe.concurrent('killed', () => {
  for (const step of STEPS) {
    for (const boundary of ['before-effect', 'after-effect']) {
      // The first try of the hotels fails, so there is nothing after it.
      if (boundary === 'after-effect' && step === '1/tool/1/searchHotels') continue
      test(`${boundary} ${step}`, async () => {
        const effects = effectsFile()
        // Half of them die in a run that goes on as a new execution of its workflow.
        const app = await world.app(boundary === 'after-effect' ? { continueAfter: 2 } : {})
        const worker = keepAlive({ daprd: app.daprd, effects, killAt: `${boundary} ${step}` })
        try {
          const run = await app.runs.start(createContractAgent({ effects }), INPUT, { runId: 'trip' })
          const found = boundary === 'before-effect' ? { status: 'not-done' } : { status: 'done', output: 'JL44-1' }
          const result = await answerAll(run, step === BOOKING ? found : undefined)
          expect(worker.deaths()).toBe(1)
          expectTrip(result, effects, boundary === 'after-effect' ? step : '')
        } finally {
          await worker.stop()
          await app.close()
        }
      })
    }
  }
})

test('killed while a person is waited for: the answer is taken without a worker, and another goes on', async () => {
  const effects = effectsFile()
  const app = await world.app()
  const first = await startChild({ daprd: app.daprd, effects })
  const run = await app.runs.start(createContractAgent({ effects }), INPUT, { runId: 'trip' })
  await untilWaiting(run)
  await killChild(first)
  await run.respond(APPROVAL, { approved: true })
  await expect(run.respond(APPROVAL, { approved: false })).rejects.toMatchObject({ code: 'WAIT_ANSWERED' })
  const second = await startChild({ daprd: app.daprd, effects })
  try {
    expectTrip(await run.result(), effects)
  } finally {
    await killChild(second)
    await app.close()
  }
})

test('two workers, and the one that is busy with a step of the run dies: the other goes on with what both did', async () => {
  const effects = effectsFile()
  const app = await world.app()
  // Whichever of them is given the step dies in it; the other one does it then.
  const options = { daprd: app.daprd, effects, killAt: 'after-effect 2/model' }
  const workers = [await startChild(options), await startChild(options)]
  try {
    const run = await app.runs.start(createContractAgent({ effects }), INPUT, { runId: 'trip' })
    expectTrip(await answerAll(run), effects)
    expect(workers.filter(({ signalCode }) => signalCode === 'SIGKILL')).toHaveLength(1)
  } finally {
    await Promise.all(workers.map(killChild))
    await app.close()
  }
})
