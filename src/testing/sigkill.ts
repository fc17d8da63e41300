/**
 * Drills with real processes: a child runs the scenario, says over a channel where it is, and waits for leave to go on; the
 * parent kills it by SIGKILL where it is to die, and starts another. No import of Node: both ends are given.
 */
import type { Json } from '../json.ts'
import type { AgentPlugin } from '../plugin.ts'
import type { RunInput, RunOptions, RunResult } from '../run.ts'
import type { OpenWait } from '../step-kinds.ts'
import type { CrashPoint, StepFact } from './crash-points.ts'
import { crashPoints } from './crash-points.ts'
import type { Drill, DrillDriver, DrillListener, LifeEnd, Outside } from './drill.ts'
import { withPlugins } from './engine.ts'
import type { TestAgent } from './engine.ts'
import { essenceOf, essenceOfError } from './essence.ts'
import { visibleText } from './visible-text.ts'

/** What a child process is told in its environment. */
export const DRILL_RUN_ID: string = 'HOLDFAST_DRILL_RUN_ID'

/** A child process: `fork()` of `node:child_process` gives one. */
export interface ChildLike {
  send(message: object): unknown
  kill(signal: 'SIGKILL'): unknown
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'exit', listener: (code: number | null) => void): unknown
}

/** The child's end: `process` has both. */
export interface Channel {
  send?(message: object): unknown
  on(event: 'message', listener: (message: unknown) => void): unknown
}

export interface SigkillOptions {
  /** Start a child that calls `serveDrill()`, with these members added to its environment. */
  readonly spawn: (env: { readonly [name: string]: string }) => ChildLike
  /** What people say. Default: approvals are given, and anything else is an error. */
  readonly answers?: (wait: OpenWait) => unknown
  /** Give an answer, as another process would: by the engine's `runs`. */
  readonly respond?: (runId: string, waitId: string, answer: unknown) => Promise<void>
  /** What the outside looks like after a run: the same after any crash. The run's id in it is no difference. */
  readonly effects?: (runId: string) => Json | Promise<Json>
  readonly dispose?: () => Promise<void>
}

type FromChild =
  | { readonly type: 'point'; readonly point: CrashPoint; readonly id: number }
  | { readonly type: 'fact'; readonly fact: StepFact }
  | { readonly type: 'end'; readonly end: LifeEnd; readonly stream?: Json }

/** For `crashEverywhere()`: each life of a run is a child process. */
export function sigkillDriver(options: SigkillOptions): DrillDriver {
  const { answers, dispose } = options
  return {
    ...(answers && { answers }),
    ...(dispose && { dispose }),
    begin: async (runId, listener) => new SigkillDrill(options, runId, listener),
  }
}

class SigkillDrill implements Drill {
  readonly #options: SigkillOptions
  readonly #runId: string
  readonly #listener: DrillListener
  #stream: Json | undefined

  constructor(options: SigkillOptions, runId: string, listener: DrillListener) {
    this.#options = options
    this.#runId = runId
    this.#listener = listener
  }

  live(): Promise<LifeEnd> {
    const child = this.#options.spawn({ [DRILL_RUN_ID]: this.#runId })
    return new Promise((resolve, reject) => {
      let end: LifeEnd | undefined
      child.on('message', (message) => {
        const said = message as FromChild
        if (said.type === 'fact') this.#listener.fact(said.fact)
        else if (said.type === 'end') {
          end = said.end
          if (said.stream !== undefined) this.#stream = said.stream
        } else if (end?.type !== 'crashed') {
          if (this.#listener.point(said.point)) {
            end = { type: 'crashed' }
            child.kill('SIGKILL')
          } else child.send({ go: said.id })
        }
      })
      child.on('exit', (code) => {
        if (end) resolve(end)
        else reject(new Error(`the child of run '${this.#runId}' ended with ${code} before its run did`))
      })
    })
  }

  async respond(waitId: string, answer: unknown): Promise<void> {
    const { respond } = this.#options
    if (!respond) throw new Error(`the run waits for ${waitId}: give sigkillDriver a respond()`)
    await respond(this.#runId, waitId, answer)
  }

  async outside(): Promise<Outside> {
    const { effects } = this.#options
    return {
      ...(this.#stream !== undefined && { stream: this.#stream }),
      ...(effects && { app: await effects(this.#runId) }),
    }
  }
}

export interface ServedScenario {
  /** A new agent, without a durability plugin. */
  readonly agent: TestAgent
  /** The engine's plugin, on the storage that all children share. */
  readonly plugin: AgentPlugin
  readonly input: RunInput
  readonly options?: Pick<RunOptions, 'context' | 'messages'>
  /** For engines whose runs live in a worker. Default: `agent.run()`. */
  readonly run?: (agent: TestAgent, options: RunOptions & { readonly runId: string }) => Promise<RunResult>
}

/**
 * The child's side: live one life. Resolves when the parent knows how it ended; the process may then exit.
 *
 * @param channel the child's `process`
 * @param runId what the parent put into the environment, as {@link DRILL_RUN_ID}
 */
export async function serveDrill(scenario: ServedScenario, channel: Channel, runId: string): Promise<void> {
  const { plugin, input, options } = scenario
  const points = announcedPoints(channel)
  const port = plugin.durability
  const watched = port?.streams ? { ...plugin, durability: { ...port, streams: points.watch(port.streams) } } : plugin
  const agent = withPlugins(points.watchCompaction(scenario.agent.definition), [watched], points.plugins)
  const all = { ...options, runId }
  let end: LifeEnd
  try {
    const result = await (scenario.run ? scenario.run(agent, all) : agent.run(input, all))
    end =
      result.status === 'waiting'
        ? { type: 'waiting', waits: result.waits }
        : { type: 'ended', essence: essenceOf(result) }
  } catch (error) {
    end = { type: 'ended', essence: essenceOfError(error, runId) }
  }
  const sink = port?.streams
  const stream = sink && end.type === 'ended' ? await visibleText(sink, runId) : undefined
  await plugin.dispose?.()
  channel.send?.({ type: 'end', end, ...(stream && { stream }) })
}

/**
 * The points of a process that announces each of them to its parent, and waits there for leave: plugins for a worker's
 * agent, and what watches its stream sink.
 */
export function announcedPoints(channel: Channel): ReturnType<typeof crashPoints> {
  const waiting = new Map<number, () => void>()
  let last = 0
  channel.on('message', (message) => {
    const { go } = message as { readonly go?: number }
    if (go === undefined) return
    waiting.get(go)?.()
    waiting.delete(go)
  })
  return crashPoints({
    reach: (point) =>
      new Promise((resolve) => {
        const id = ++last
        waiting.set(id, resolve)
        channel.send?.({ type: 'point', point, id })
      }),
    note: (fact) => void channel.send?.({ type: 'fact', fact }),
    pass: async () => {},
  })
}
