/** The kit on an engine of another kind: it knows a step by its place alone. */
import type { AgentPlugin, Hooks } from 'holdfast'
import { test } from 'vitest'
import { durabilityConformance } from '../../src/testing/conformance.ts'
import type { EngineUnderTest } from '../../src/testing/engine.ts'
import { PositionalEngine } from '../support/positional-engine.ts'

/** It has one run, as an execution of such an engine has: here is one for each run. */
function create(): EngineUnderTest {
  const engines = new Map<string, PositionalEngine>()
  const engineOf = (runId: string): PositionalEngine => {
    const engine = engines.get(runId) ?? new PositionalEngine()
    engines.set(runId, engine)
    return engine
  }
  return {
    start: () => pluginOf(engineOf),
    kill() {
      for (const engine of engines.values()) engine.crash()
    },
  }
}

function pluginOf(engineOf: (runId: string) => PositionalEngine): AgentPlugin {
  const plugins = new Map<string, AgentPlugin>()
  // Its context begins when a run is opened: a place is counted from there.
  const open = (runId: string): Hooks => {
    const plugin = engineOf(runId).plugin()
    plugins.set(runId, plugin)
    return plugin.hooks ?? {}
  }
  const hooksOf = (runId: string): Hooks => plugins.get(runId)?.hooks ?? open(runId)
  return {
    name: 'positional',
    durability: { engine: 'positional', dispatch: 'closure', supports: {} },
    hooks: {
      BeforeModelCall: (event) => hooksOf(event.run.runId).BeforeModelCall?.(event),
      BeforeToolCall: (event) => hooksOf(event.run.runId).BeforeToolCall?.(event),
      BeforeTask: (event) => hooksOf(event.run.runId).BeforeTask?.(event),
      scope: (step, body, run) => {
        const hooks = step.id === 'run' ? open(run.runId) : hooksOf(run.runId)
        return hooks.scope?.(step, body, run) ?? body()
      },
    },
  }
}

for (const { name, skip, run } of durabilityConformance({ create, supports: {} })) {
  test.skipIf(skip !== undefined)(name, run)
}
