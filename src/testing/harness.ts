/** A harness for hooks, plugins and agents: fire one hook, run a whole agent, look at what happened, crash it. */
import type { AgentDefinition } from '../definition.ts'
import { HoldfastError } from '../errors.ts'
import type { HookName } from '../hooks/events.ts'
import type { AnyLanguageModel } from '../model.ts'
import type { AgentPlugin } from '../plugin.ts'
import type { RunInput, RunOptions, RunResult } from '../run.ts'
import type { OpenWait } from '../step-kinds.ts'
import type { Boundary, CrashPoint } from './crash-points.ts'
import { pointName } from './crash-points.ts'
import type { DrillResult } from './drill.ts'
import { runDrill } from './drill.ts'
import type { EngineUnderTest, TestAgent } from './engine.ts'
import { withPlugins } from './engine.ts'
import type { FiredEvent } from './fire.ts'
import type { FireOptions } from './fire-step.ts'
import { fireHook } from './fire.ts'
import { inProcessDriver } from './in-process.ts'
import { memoryEngine } from './memory-engine.ts'
import type { TraceEntry } from './trace.ts'
import { stepTrace, tracedDefinition } from './trace.ts'

export interface HarnessOptions {
  /** In place of all the agent's models, those of its sub-agents excepted. */
  readonly model?: AnyLanguageModel
  /** Default: one in memory that takes steps by closure. `name`: one that takes them by name, as a worker elsewhere does. */
  readonly engine?: 'closure' | 'name' | EngineUnderTest
  /**
   * What people say to waits. Default: approvals are given, anything else is an error. What became of a `once` step the kit
   * says itself: it saw whether it was done.
   */
  readonly answers?: (wait: OpenWait) => unknown
}

export interface Harness {
  /** Add a plugin, before the first run. */
  use(plugin: AgentPlugin): Harness
  /**
   * Call the hooks of one event and give the event as they left it: look at `event.step`, run it, compare its input.
   * `run.state` of each plugin is kept from one event to the next.
   */
  fire<N extends HookName>(name: N, options?: FireOptions): Promise<FiredEvent<N>>
  /** Run the agent to its end, over its waits. Rejects as the run fails. Each run begins a new trace. */
  run(input: RunInput, options?: Pick<RunOptions, 'context' | 'messages'>): Promise<RunResult>
  /** What the last run did, in order: no times, no random ids. */
  readonly trace: readonly TraceEntry[]
  /**
   * The last run once more, on its way to die at a boundary; `resume()` goes on in a new process and gives the result.
   * @throws `CONFIG_INVALID` from `resume()` where the run has no such boundary
   */
  crashAt(step: string, boundary: Boundary, hook?: HookName): { resume(): Promise<RunResult> }
  /** How often the work of a step was begun in the last run, by any execution, attempt and process. */
  executions(stepId: string): number
  /** A plugin's own JSON, as events that were fired left it. */
  stateOf(plugin: string): unknown
}

/** @param agent without a durability plugin: the harness brings the engine */
export function createHarness(agent: TestAgent, options: HarnessOptions = {}): Harness {
  return new AgentHarness(agent, options)
}

class AgentHarness implements Harness {
  readonly #agent: TestAgent
  readonly #options: HarnessOptions
  readonly #plugins: AgentPlugin[] = []
  readonly #states = new Map<string, unknown>()
  #trace: TraceEntry[] = []
  #runs = 0
  #last: { readonly input: RunInput; readonly options: Pick<RunOptions, 'context' | 'messages'> } | undefined
  #drill: DrillResult | undefined

  constructor(agent: TestAgent, options: HarnessOptions) {
    this.#agent = agent
    this.#options = options
  }

  get trace(): readonly TraceEntry[] {
    return this.#trace
  }

  use(plugin: AgentPlugin): this {
    this.#plugins.push(plugin)
    return this
  }

  fire<N extends HookName>(name: N, options?: FireOptions): Promise<FiredEvent<N>> {
    return fireHook(this.#definition(), this.#states, name, options)
  }

  stateOf(plugin: string): unknown {
    return this.#states.get(plugin)
  }

  executions(stepId: string): number {
    return this.#drill?.log.starts(stepId) ?? 0
  }

  run(input: RunInput, options: Pick<RunOptions, 'context' | 'messages'> = {}): Promise<RunResult> {
    this.#last = { input, options }
    return this.#go()
  }

  crashAt(step: string, boundary: Boundary, hook?: HookName): { resume(): Promise<RunResult> } {
    return { resume: () => this.#go({ step, boundary, ...(hook && { hook }) }) }
  }

  async #go(crash?: CrashPoint): Promise<RunResult> {
    const last = this.#last ?? { input: 'go', options: {} }
    this.#trace = []
    const runId = `harness-${++this.#runs}`
    const tell = (entry: TraceEntry): void => {
      this.#trace.push(entry)
    }
    const definition = tracedDefinition(this.#definition(), tell)
    const driver = inProcessDriver({
      agent: () => withPlugins(definition, []),
      ...last,
      engine: this.#engine(),
      plugins: () => [stepTrace(tell)],
      ...(this.#options.answers && { answers: this.#options.answers }),
      onCrash: (point) => tell({ type: 'crash', at: pointName(point) }),
    })
    const drill = await runDrill(driver, runId, crash)
    this.#drill = drill
    if (crash && drill.crashed === undefined) throw noSuchPoint(crash, drill)
    const { result, error } = drill.end
    if (result) return result
    throw error
  }

  #definition(): AgentDefinition {
    const { definition } = this.#agent
    const { model } = this.#options
    const { spec } = definition
    const keys = spec.models.length > 0 ? spec.models : ['default']
    const whole = withPlugins(definition, this.#plugins).definition
    return {
      ...whole,
      ...(model && {
        models: Object.fromEntries(keys.map((key) => [key, model])),
        spec: { ...spec, models: keys },
      }),
    }
  }

  #engine(): EngineUnderTest {
    const { engine = 'closure' } = this.#options
    return typeof engine === 'string' ? memoryEngine({ dispatch: engine }) : engine
  }
}

function noSuchPoint(point: CrashPoint, { points }: DrillResult): HoldfastError {
  const known = points.filter(({ boundary }) => boundary === point.boundary).map(({ step }) => step)
  return new HoldfastError({
    code: 'CONFIG_INVALID',
    message: `the run never came to ${pointName(point)}. It has ${point.boundary} at: ${known.join(', ') || 'no step'}.`,
  })
}
