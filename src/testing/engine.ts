/** What the kit needs of an engine: how a process that uses it starts, dies, and is answered. */
import type { AgentDefinition } from '../definition.ts'
import { orderPlugins } from '../loop/order.ts'
import { startAgentRun } from '../loop/start.ts'
import type { AgentPlugin } from '../plugin.ts'
import { resultOf } from '../result.ts'
import type { StreamSink } from '../stream.ts'
import type { RunInput, RunnableAgent, RunOptions, RunResult } from '../run.ts'

/** An agent as the kit runs it. `Agent` is one. */
export interface TestAgent extends RunnableAgent {
  readonly definition: AgentDefinition
}

/** An engine and its storage, made anew for each case. A process is what `start()` gives a plugin for. */
export interface EngineUnderTest {
  /**
   * The durability plugin, as a new process would make it: on the same storage as those before it.
   * @param agent what that process runs, without the plugin: for engines whose workers have to know it
   * @param watch for a worker in this process: what it publishes to goes through it, so that a crash can be in the middle of
   * a stream. The kit watches `durability.streams` by itself.
   */
  start(agent: TestAgent, watch?: (sink: StreamSink) => StreamSink): AgentPlugin | Promise<AgentPlugin>
  /**
   * The process of that plugin died. Free what it held, as a lease that runs out would, and let nothing of it reach the
   * storage any more. In this process the kit has stopped it at a point already; a worker elsewhere is to be killed.
   */
  kill?(plugin: AgentPlugin): void | Promise<void>
  /** As `runs.get(runId).respond()`. */
  respond?(runId: string, waitId: string, answer: unknown): Promise<void>
  /** As `runs.get(runId).cancel()`. */
  cancel?(runId: string, reason?: string): Promise<void>
  /**
   * For engines whose runs live elsewhere: start the run, or take it up; resolve with its result, with status `waiting`
   * where it waits for a person. Default: `agent.run()` with the plugin, in this process.
   */
  run?(agent: TestAgent, input: RunInput, options: RunOptions & { readonly runId: string }): Promise<RunResult>
  dispose?(): Promise<void>
}

/** An agent with more plugins; those of `everywhere` are in its sub-agents, too. */
export function withPlugins(
  definition: AgentDefinition,
  plugins: readonly AgentPlugin[],
  everywhere: readonly AgentPlugin[] = [],
): TestAgent {
  const whole = addPlugins(definition, plugins, everywhere)
  return {
    name: whole.spec.name,
    definition: whole,
    describe: () => whole.spec,
    run: async (input, options = {}) => resultOf(await startAgentRun(whole, { input, options })),
  }
}

function addPlugins(
  definition: AgentDefinition,
  plugins: readonly AgentPlugin[],
  everywhere: readonly AgentPlugin[],
): AgentDefinition {
  const tools = [...definition.tools].map(([name, tool]): [string, typeof tool] => [
    name,
    tool.agent && everywhere.length > 0 ? { ...tool, agent: addPlugins(tool.agent, [], everywhere) } : tool,
  ])
  return {
    ...definition,
    tools: new Map(tools),
    plugins: orderPlugins([...definition.plugins, ...plugins, ...everywhere]),
  }
}
