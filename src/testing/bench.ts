/** What a conformance case has: an engine with empty storage, a world, and processes that it can start and kill. */
import type { AgentPlugin, Supports } from '../plugin.ts'
import type { RunInput, RunOptions, RunResult } from '../run.ts'
import type { ConformanceAgentName } from './agents.ts'
import { conformanceAgent } from './agents.ts'
import type { CrashPoint, CrashPoints, PointListener } from './crash-points.ts'
import { crashPoints } from './crash-points.ts'
import type { EngineUnderTest, TestAgent } from './engine.ts'
import { withPlugins } from './engine.ts'
import { drain, Life, never, sleep } from './life.ts'
import type { World, WorldControl } from './world.ts'
import { worldOf } from './world.ts'

export interface ProcessOptions {
  /** Beside those of the agent. */
  readonly plugins?: readonly AgentPlugin[]
  /** Called at each point; the process goes on when it resolves. */
  readonly onPoint?: (point: CrashPoint, process: BenchProcess) => Promise<void> | void
}

/** A process, simulated where the engine runs its agents in this one. */
export interface BenchProcess {
  readonly agent: TestAgent
  readonly plugin: AgentPlugin
  readonly life: Life
  /** Never settles once the process is dead. */
  run(input?: RunInput, options?: RunOptions): Promise<RunResult>
  /** It dies, here and now. */
  kill(): Promise<void>
  /** It ends as it should. */
  stop(): Promise<void>
}

export const RUN_ID = 'run-1'
export const INPUT = 'go'

export class Bench {
  readonly engine: EngineUnderTest
  readonly world: WorldControl
  readonly supports: Supports
  /** Milliseconds in which a dead process's run is taken up. */
  readonly takeOver: number
  readonly #processes: BenchProcess[] = []
  readonly #failed: unknown[] = []
  #awaited: string | undefined

  constructor(engine: EngineUnderTest, world: WorldControl, supports: Supports, takeOver = 400) {
    this.engine = engine
    this.world = { ...world, reached: (point, times) => this.#reached(world, point, times) }
    this.supports = supports
    this.takeOver = takeOver
  }

  /** A new process on the engine's storage, with an agent of the kit. */
  async start(name: ConformanceAgentName, options: ProcessOptions = {}): Promise<BenchProcess> {
    return this.startWith((world) => conformanceAgent(name, world), options)
  }

  async startWith(make: (world: World) => TestAgent, options: ProcessOptions = {}): Promise<BenchProcess> {
    const life = new Life()
    const started = await startProcess(this.engine, make(worldOf(this.world, life)), life, options)
    const process: BenchProcess = {
      ...started,
      run: (input, run) => {
        const running = started.run(input, run)
        running.catch((error: unknown) => this.#failed.push(error))
        return running
      },
    }
    this.#processes.push(process)
    return process
  }

  /** Start a process, run, and end the process. */
  async run(name: ConformanceAgentName, options: ProcessOptions & RunOptions = {}): Promise<RunResult> {
    const { plugins, onPoint, ...run } = options
    const process = await this.start(name, { ...(plugins && { plugins }), ...(onPoint && { onPoint }) })
    try {
      return await process.run(INPUT, run)
    } finally {
      await process.stop()
    }
  }

  /** Nobody will come to the point any more where a run has failed on the way. */
  async #reached(world: WorldControl, point: string, times: number | undefined): Promise<void> {
    this.#awaited = point
    const before = this.#failed.length
    let over = false
    const failed = async (): Promise<void> => {
      while (this.#failed.length === before && !over) await sleep(5)
      await sleep(20)
      if (!over) throw this.#failed[before]
    }
    try {
      await Promise.race([world.reached(point, times), failed()])
      this.#awaited = undefined
    } finally {
      over = true
    }
  }

  /** What the case waits for right now, where that is a point. */
  get awaited(): string | undefined {
    return this.#awaited
  }

  async respond(waitId: string, answer: unknown, runId: string = RUN_ID): Promise<void> {
    if (!this.engine.respond) throw new Error('the engine claims waits, and the EngineUnderTest has no respond()')
    await this.engine.respond(runId, waitId, answer)
  }

  /** Keys of what was done, in alphabetical order: what runs beside each other is done in any order. */
  async effects(): Promise<string[]> {
    return (await this.world.effects()).map(({ key }) => key).sort()
  }

  async close(): Promise<void> {
    for (const process of this.#processes) if (process.life.alive) await process.stop()
    await this.engine.dispose?.()
  }
}

/** Start a simulated process; its points are there for `onPoint`. */
export async function startProcess(
  engine: EngineUnderTest,
  agent: TestAgent,
  life: Life,
  { plugins = [], onPoint }: ProcessOptions = {},
): Promise<BenchProcess> {
  const listener: PointListener = {
    reach: async (point) => {
      await life.pass()
      await onPoint?.(point, process)
      await life.pass()
    },
    note: () => {},
    pass: () => life.pass(),
  }
  const started = await startAgent(engine, agent, crashPoints(listener), plugins)
  const process: BenchProcess = {
    ...started,
    life,
    run: (input = INPUT, options = {}) => alive(life, runOn(engine, started.agent, input, options)),
    async kill() {
      life.end()
      await drain()
      await engine.kill?.(started.plugin)
    },
    async stop() {
      await started.plugin.dispose?.()
    },
  }
  return process
}

/** The agent as a process has it: with the engine's plugin, the points, and what else is given. */
export async function startAgent(
  engine: EngineUnderTest,
  agent: TestAgent,
  points: CrashPoints,
  plugins: readonly AgentPlugin[] = [],
): Promise<{ readonly agent: TestAgent; readonly plugin: AgentPlugin }> {
  const known = withPlugins(points.watchCompaction(agent.definition), plugins, points.plugins)
  const plugin = await engine.start(known, points.watch)
  const port = plugin.durability
  const sink = port?.streams
  const watched = port && sink ? { ...plugin, durability: { ...port, streams: points.watch(sink) } } : plugin
  return { agent: withPlugins(known.definition, [watched]), plugin }
}

function runOn(engine: EngineUnderTest, agent: TestAgent, input: RunInput, options: RunOptions): Promise<RunResult> {
  const all = { runId: RUN_ID, ...options }
  return engine.run ? engine.run(agent, input, all) : agent.run(input, all)
}

/** What a dead process would say, nobody hears. */
async function alive<T>(life: Life, work: Promise<T>): Promise<T> {
  const outcome = await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if (!life.alive) return never()
  if ('error' in outcome) throw outcome.error
  return outcome.value
}
