/** Drills in this process: simulated processes on an engine that runs in it. */
import type { Json } from '../json.ts'
import type { AgentPlugin } from '../plugin.ts'
import type { RunInput, RunOptions } from '../run.ts'
import type { OpenWait } from '../step-kinds.ts'
import { startAgent } from './bench.ts'
import type { CrashPoint } from './crash-points.ts'
import { crashPoints } from './crash-points.ts'
import type { Drill, DrillDriver, DrillListener, LifeEnd } from './drill.ts'
import type { EngineUnderTest, TestAgent } from './engine.ts'
import { essenceOf, essenceOfError } from './essence.ts'
import { drain, Life, never } from './life.ts'
import { visibleText } from './visible-text.ts'
import type { World } from './world.ts'
import { createWorld, worldOf } from './world.ts'

export interface InProcessSetup {
  /** A new agent, as a new process makes it, without a durability plugin. Give the world to tools that need one. */
  readonly agent: (world: World) => TestAgent
  readonly input: RunInput
  readonly options?: Pick<RunOptions, 'context' | 'messages'>
  readonly engine: EngineUnderTest
  readonly answers?: (wait: OpenWait) => unknown
  readonly effects?: () => Json | Promise<Json>
  /** For the agent, new for each process. */
  readonly plugins?: () => readonly AgentPlugin[]
  readonly onCrash?: (point: CrashPoint) => void
}

export function inProcessDriver(setup: InProcessSetup): DrillDriver {
  const { engine, answers } = setup
  return {
    ...(answers && { answers }),
    begin: async (runId, listener) => new InProcessDrill(setup, runId, listener),
    dispose: async () => engine.dispose?.(),
  }
}

class InProcessDrill implements Drill {
  readonly #setup: InProcessSetup
  readonly #runId: string
  readonly #listener: DrillListener
  readonly #world = createWorld()
  #stream: Json | undefined

  constructor(setup: InProcessSetup, runId: string, listener: DrillListener) {
    this.#setup = setup
    this.#runId = runId
    this.#listener = listener
  }

  async live(): Promise<LifeEnd> {
    const { engine, input, options, plugins } = this.#setup
    const life = new Life()
    const points = crashPoints({
      reach: async (point) => {
        if (!life.alive) await never()
        if (!this.#listener.point(point)) return
        life.end()
        this.#setup.onCrash?.(point)
        await never()
      },
      note: (fact) => {
        if (life.alive) this.#listener.fact(fact)
      },
      pass: () => life.pass(),
    })
    const made = this.#setup.agent(worldOf(this.#world, life))
    const { agent, plugin } = await startAgent(engine, made, points, plugins?.())
    const all = { ...options, runId: this.#runId }
    const run = engine.run ? engine.run(agent, input, all) : agent.run(input, all)
    const end = await Promise.race([this.#endOf(run), life.ended.then(() => ({ type: 'crashed' }) as const)])
    if (end.type === 'crashed') {
      // What was on its way to the storage in that moment gets there, as it may when a process dies.
      await drain()
      await engine.kill?.(plugin)
      return end
    }
    const sink = plugin.durability?.streams
    if (sink && end.type === 'ended') this.#stream = await visibleText(sink, this.#runId)
    await plugin.dispose?.()
    return end
  }

  async respond(waitId: string, answer: unknown): Promise<void> {
    const { engine } = this.#setup
    if (!engine.respond) throw new Error(`the run waits for ${waitId}, and the engine has no respond()`)
    await engine.respond(this.#runId, waitId, answer)
  }

  async outside(): Promise<{ stream?: Json; world: { [key: string]: number }; app?: Json }> {
    const { effects } = this.#setup
    const world: Record<string, number> = {}
    for (const { key } of await this.#world.effects()) world[key] = (world[key] ?? 0) + 1
    return {
      world,
      ...(this.#stream !== undefined && { stream: this.#stream }),
      ...(effects && { app: await effects() }),
    }
  }

  async #endOf(run: ReturnType<TestAgent['run']>): Promise<LifeEnd> {
    try {
      const result = await run
      if (result.status === 'waiting') return { type: 'waiting', waits: result.waits }
      return { type: 'ended', essence: essenceOf(result), result }
    } catch (error) {
      return { type: 'ended', essence: essenceOfError(error, this.#runId), error }
    }
  }
}
