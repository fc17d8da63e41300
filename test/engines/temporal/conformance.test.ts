/** The conformance kit over Temporal. */
import { durabilityConformance } from 'holdfast/testing'
import { describe, test } from 'vitest'
import { temporalDurabilityPlugin } from '../../../src/plugins/temporal/index.ts'
import { temporalUnderTest, temporalWorldOf } from './support/engine-under-test.ts'

const supports = temporalDurabilityPlugin().durability?.supports ?? {}

const cases = durabilityConformance({
  create: temporalUnderTest,
  world: temporalWorldOf,
  supports,
  elsewhere: true,
  timeout: 120_000,
})

describe.concurrent('the conformance kit', { timeout: 150_000 }, () => {
  for (const { name, skip, run } of cases) test.skipIf(skip !== undefined)(name, run)
})
