import { describe, test } from 'node:test'
import { durabilityConformance } from 'holdfast/testing'
import { openworkflowDurabilityPlugin } from '../openworkflow-plugin.ts'
import { create } from '../engine-under-test.ts'

const supports = openworkflowDurabilityPlugin().durability?.supports ?? {}

describe('openworkflow', () => {
  for (const { name, skip, run } of durabilityConformance({ create, supports })) {
    test(name, { skip: skip ?? false }, run)
  }
})
