/** A case for a plugin as it is written. */
import type { AgentPlugin } from '../../plugin.ts'
import type { OpenWait } from '../../step-kinds.ts'
import type { DrillDriver, DrillResult } from '../drill.ts'
import { runDrill } from '../drill.ts'
import type { EngineUnderTest, TestAgent } from '../engine.ts'
import { inProcessDriver } from '../in-process.ts'
import { memoryEngine } from '../memory-engine.ts'
import type { World } from '../world.ts'

export interface PluginBench {
  create(): AgentPlugin
  /** The agent without the plugin. */
  bare(world: World): TestAgent
  /** The agent with the plugin: a new one, unless one is given. */
  agentWith(world: World, plugin?: AgentPlugin): TestAgent
  readonly answers?: (wait: OpenWait) => unknown
}

export interface PluginCase {
  readonly name: string
  readonly clause: string
  run(bench: PluginBench): Promise<void>
}

export interface RunSetup {
  readonly engine?: EngineUnderTest
  readonly agent?: (world: World) => TestAgent
  readonly plugins?: () => readonly AgentPlugin[]
}

/** A driver of runs of the agent with the plugin, on an engine in memory unless another is given. */
export function driverOf(bench: PluginBench, setup: RunSetup = {}): DrillDriver {
  const { engine = memoryEngine(), agent = (world) => bench.agentWith(world), plugins } = setup
  return inProcessDriver({
    agent,
    input: 'go',
    engine,
    ...(plugins && { plugins }),
    ...(bench.answers && { answers: bench.answers }),
  })
}

/** One run over its waits to its end. */
export function runOnce(bench: PluginBench, setup: RunSetup = {}, runId = 'run-1'): Promise<DrillResult> {
  return runDrill(driverOf(bench, setup), runId)
}
