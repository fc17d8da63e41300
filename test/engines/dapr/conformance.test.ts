/** The conformance kit over Dapr. */
import { randomUUID } from 'node:crypto'
import { durabilityConformance } from 'holdfast/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
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
  timeout: 240_000,
})

describe.concurrent('the conformance kit', { timeout: 260_000 }, () => {
  for (const { name, skip, run } of cases) {
    // Each death costs Dapr some seconds: for those with many there is the soak.
    const isLong = name.startsWith('crash everywhere') || name === 'a thousand steps'
    test.skipIf(skip !== undefined || (isLong && !process.env['HOLDFAST_SOAK']))(name, run)
  }
})
