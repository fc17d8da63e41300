/** The conformance kit over Temporal. */
import { durabilityConformance } from 'holdfast/testing'
import { describe } from 'vitest'
import { temporalDurabilityPlugin } from '../../../src/plugins/temporal/index.ts'
import { testCases } from '../support/kept-report.ts'
import { temporalUnderTest, temporalWorldOf } from './support/engine-under-test.ts'

const supports = temporalDurabilityPlugin().durability?.supports ?? {}

const cases = durabilityConformance({
  create: temporalUnderTest,
  world: temporalWorldOf,
  supports,
  elsewhere: true,
  timeout: 120_000,
})

describe.concurrent('the conformance kit', () => testCases('temporal', cases, { timeout: 150_000 }))
