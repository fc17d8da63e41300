/** Cases for plugins that are no durability plugins: good ones pass, and each faulty one is caught. */
import type { AgentPlugin } from 'holdfast'
import { wrapStep } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { FAULTY_PLUGINS } from '../../src/testing/faulty/plugins.ts'
import { pluginConformance } from '../../src/testing/plugin-conformance.ts'

/** Does a bit of everything, as it should. */
function goodPlugin(): AgentPlugin {
  return {
    name: 'good',
    tasks: { price: (name) => ({ name, price: 5 }) },
    middleware: { tool: (request, next) => next(request), model: (request, next) => next(request) },
    hooks: {
      BeforeInvocation(event) {
        event.step = wrapStep(event.step, (run) => run())
      },
      async BeforeToolCall(event) {
        const { price } = (await event.task('price', event.step.name)) as { price: number }
        event.run.state = { spent: (event.run.state?.spent ?? 0) + price }
        event.step = wrapStep(event.step, async (run) => run())
        if (event.step.name === 'left') await event.sleep(1)
      },
      AfterToolCall({ run }) {
        run.state = { ...run.state, calls: (run.state.calls ?? 0) + 1 }
      },
    },
  }
}

describe.for([
  ['that does nothing', () => ({ name: 'nothing' })],
  ['that does a bit of everything', goodPlugin],
] as const)('a plugin %s', ([, create]) => {
  for (const { name, run } of pluginConformance({ create })) test(name, run)
})

for (const { name, caughtBy, create } of FAULTY_PLUGINS) {
  test.for(caughtBy)(`a plugin that ${name} is caught by %s`, async (by) => {
    const found = pluginConformance({ create, timeout: 4_000 }).find((each) => each.name === by)
    await expect(found?.run()).rejects.toThrow()
  })
}

test('there is a faulty plugin for each case', () => {
  const names = pluginConformance({ create: goodPlugin }).map(({ name }) => name)
  const caught = new Set(FAULTY_PLUGINS.flatMap(({ caughtBy }) => caughtBy))
  expect(names.filter((name) => !caught.has(name))).toEqual([])
})
