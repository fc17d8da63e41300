/** The conformance kit over Dapr. */
import { randomUUID } from 'node:crypto'
import { durabilityConformance } from 'holdfast/testing'
import { afterAll, beforeAll, describe } from 'vitest'
import { testCases } from '../support/kept-report.ts'
import { daprDurabilityPlugin } from '../../../src/plugins/dapr/index.ts'
import { daprUnderTest } from './support/engine-under-test.ts'
import type { DaprWorld } from './support/world.ts'
import { daprWorld } from './support/world.ts'

let world: DaprWorld

beforeAll(async () => {
  world = await daprWorld()
})

afterAll(() => world.close())

const cases = durabilityConformance({
  create: async () => daprUnderTest(await world.cluster.app(`case-${randomUUID().slice(0, 8)}`)),
  supports: daprDurabilityPlugin().durability?.supports ?? {},
  // Half a second by itself; more where others use the machine, too.
  takeOver: 5_000,
  timeout: 580_000,
})

/** A thousand steps cost daprd minutes; and in the many deaths of the other one it hung for good in two of four runs (see the docs). */
const LONG = ['a thousand steps', 'crash everywhere: approvals']
const isRun = (name: string): boolean => Boolean(process.env['HOLDFAST_SOAK']) || !LONG.includes(name)

describe.concurrent('the conformance kit', () => testCases('dapr', cases, { timeout: 600_000, isRun }))
