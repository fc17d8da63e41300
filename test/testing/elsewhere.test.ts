/** The kit on an engine whose worker is elsewhere: it makes its agents by name, and reaches the world by a store. */
import type { AgentPlugin } from 'holdfast'
import { test } from 'vitest'
import { conformanceAgents } from '../../src/testing/agents.ts'
import { durabilityConformance } from '../../src/testing/conformance.ts'
import type { EngineUnderTest } from '../../src/testing/engine.ts'
import { withPlugins } from '../../src/testing/engine.ts'
import { Life, never } from '../../src/testing/life.ts'
import { memoryEngine } from '../../src/testing/memory-engine.ts'
import { createWorld, memoryStore, worldOf } from '../../src/testing/world.ts'

let store = memoryStore()

/** A worker: the kit has no hand in it, it can only be killed. */
interface Worker {
  readonly life: Life
  readonly plugins: AgentPlugin[]
}

function create(): EngineUnderTest {
  const engine = memoryEngine({ dispatch: 'name' })
  let worker: Worker = { life: new Life(), plugins: [] }
  return {
    start: (agent) => engine.start(agent),
    async kill() {
      worker.life.end()
      for (const plugin of worker.plugins) await engine.kill?.(plugin)
      worker = { life: new Life(), plugins: [] }
    },
    async run(agent, input, options) {
      const { life, plugins } = worker
      const own = conformanceAgents(worldOf(createWorld(store), life)).find(({ name }) => name === agent.name)
      if (!own) throw new Error(`the worker has no agent '${agent.name}'`)
      const plugin = await engine.start(own)
      plugins.push(plugin)
      const running = engine.run?.(withPlugins(own.definition, [plugin]), input, options)
      return (await Promise.race([running, life.ended])) ?? never()
    },
    respond: async (...given) => engine.respond?.(...given),
    cancel: async (...given) => engine.cancel?.(...given),
  }
}

const { durability } = memoryEngine({ dispatch: 'name' }).start({} as never) as AgentPlugin
const cases = durabilityConformance({
  create,
  elsewhere: true,
  supports: durability?.supports ?? {},
  world() {
    store = memoryStore()
    return createWorld(store)
  },
})

for (const { name, skip, run } of cases) test.skipIf(skip !== undefined)(name, run)
