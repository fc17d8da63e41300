/** Each case catches the plugin that breaks its promise, and no case is without one. */
import { describe, expect, test } from 'vitest'
import { durabilityConformance } from '../../src/testing/conformance.ts'
import { FAULTY_ENGINES } from '../../src/testing/faulty/index.ts'
import { memoryEngine } from '../../src/testing/memory-engine.ts'

const names = durabilityConformance({ create: () => memoryEngine() }).map(({ name }) => name)

for (const { name, caughtBy, create } of FAULTY_ENGINES) {
  describe(`an engine that ${name}`, () => {
    const cases = durabilityConformance({ create, timeout: 1_500 })
    test.for(caughtBy)('is caught by %s', async (by) => {
      const found = cases.find((each) => each.name === by)
      expect(found, 'there is such a case').toBeDefined()
      const failure = await found?.run().then(
        () => 'passed',
        (error: unknown) => error,
      )
      expect(failure).toBeInstanceOf(Error)
      expect((failure as Error).message).not.toMatch(/is not for this plugin/)
    })
  })
}

test('there is a faulty engine for each case', () => {
  const caught = new Set(FAULTY_ENGINES.flatMap(({ caughtBy }) => caughtBy))
  expect(names.filter((name) => !caught.has(name))).toEqual([])
})
