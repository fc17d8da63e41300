/** The conformance cases of a plugin that is no durability plugin: that it is at home in a loop that is replayed. */
import type { AgentPlugin } from '../plugin.ts'
import type { OpenWait } from '../step-kinds.ts'
import type { ConformanceAgentName } from './agents.ts'
import { conformanceAgent } from './agents.ts'
import type { ConformanceCase } from './conformance.ts'
import { within } from './conformance.ts'
import type { TestAgent } from './engine.ts'
import { withPlugins } from './engine.ts'
import { PLUGIN_CASES } from './plugin-cases/index.ts'
import type { World } from './world.ts'

export interface PluginConformanceOptions {
  /** The plugin, as a new process would make it. */
  readonly create: () => AgentPlugin
  /**
   * An agent that gives it something to do, new, and without it: for a plugin that looks for certain tools. Default: the
   * kit's own, one with parallel tools and one with approvals.
   */
  readonly agent?: (world: World) => TestAgent
  /** What people say to its waits. Default: approvals are given, anything else is an error. */
  readonly answers?: (wait: OpenWait) => unknown
  /** Milliseconds that a case may take. Default: 30,000. */
  readonly timeout?: number
}

export function pluginConformance(options: PluginConformanceOptions): ConformanceCase[] {
  const { create, agent, answers, timeout = 30_000 } = options
  const named = (name: ConformanceAgentName) => (world: World) => conformanceAgent(name, world)
  const agents = agent ? [agent] : [named('pair'), named('approvals')]
  return PLUGIN_CASES.map(({ name, clause, run }) => ({
    name,
    clause,
    requires: [],
    async run() {
      for (const make of agents) {
        const bare = (world: World): TestAgent => make(world)
        const agentWith = (world: World, plugin: AgentPlugin = create()): TestAgent =>
          withPlugins(make(world).definition, [plugin])
        await within(timeout, run({ create, bare, agentWith, ...(answers && { answers }) }))
      }
    },
  }))
}
