/**
 * An engine in memory, whole and honest: steps by closure or by name, waits, timers, cancel, streams, one owner per run.
 * The harness and `crashEverywhere` use it where they are given none, and the faulty plugins are it with one thing broken.
 */
import { HoldfastError, isSuspended } from '../errors.ts'
import type { RunInfo } from '../run-info.ts'
import type { AgentPlugin, DurabilityPort, DurablePlaces } from '../plugin.ts'
import { durable } from '../plugin.ts'
import type { Json } from '../json.ts'
import { digest } from '../digest.ts'
import type { EngineUnderTest, TestAgent } from './engine.ts'
import { withPlugins } from './engine.ts'
import { never } from './life.ts'
import { executeByName } from './memory-execute.ts'
import type { MemoryProcess } from './memory-process.ts'
import { MemoryStorage } from './memory-storage.ts'
import { recordWithin } from '../record-within.ts'
import { executionId } from '../step.ts'

export interface MemoryEngine extends EngineUnderTest {
  readonly storage: MemoryStorage
}

/** What a plugin of it is made of, in one process. */
export interface MemoryParts {
  readonly places: DurablePlaces
  readonly port: DurabilityPort
}

export interface MemoryOptions {
  /** Default `closure`. `name`: the steps' descriptors go through JSON to a worker, which is another copy of the agent. */
  readonly dispatch?: DurabilityPort['dispatch']
  /** What the worker has that executes steps by name. Default: the agent of the process. */
  readonly worker?: () => TestAgent
  /** In bytes of JSON. Default: 1 MB. */
  readonly recordBytes?: number
  /** Makes another plugin of it: for tests. */
  readonly change?: (parts: MemoryParts, process: MemoryProcess) => Partial<MemoryParts>
  /** Makes another engine of it: for tests. */
  readonly changeEngine?: (engine: MemoryEngine) => Partial<EngineUnderTest>
}

export function memoryEngine(options: MemoryOptions = {}): MemoryEngine {
  const storage = new MemoryStorage()
  const processes = new Map<AgentPlugin, MemoryProcess>()
  const engine: MemoryEngine = {
    storage,
    start(agent, watch = (sink) => sink) {
      const process: MemoryProcess = {
        storage,
        agent,
        alive: true,
        ahead: 0,
        worker: options.worker?.() ?? agent,
        streams: watch(storage.streams),
      }
      const plugin = pluginOf(process, options)
      processes.set(plugin, process)
      return plugin
    },
    kill(plugin) {
      const process = processes.get(plugin)
      if (!process) return
      process.alive = false
      storage.disown(process)
    },
    respond: async (runId, waitId, answer) => storage.answer(runId, waitId, answer),
    cancel: async (runId, reason) => storage.cancel(runId, reason),
  }
  const whole = options.dispatch === 'name' ? { ...engine, run: runPinned(storage) } : engine
  return { ...whole, ...options.changeEngine?.(whole) }
}

/** With steps by name nobody but the engine pins what a run is. */
function runPinned(storage: MemoryStorage): NonNullable<EngineUnderTest['run']> {
  return (agent, input, options) => {
    const spec = storage.specs.get(options.runId) ?? agent.describe()
    storage.specs.set(options.runId, spec)
    return withPlugins({ ...agent.definition, spec }, []).run(input, options)
  }
}

function pluginOf(process: MemoryProcess, options: MemoryOptions): AgentPlugin {
  const { dispatch = 'closure', recordBytes = 1_000_000 } = options
  const { storage } = process
  const byName = dispatch === 'name'
  const port: DurabilityPort = {
    engine: 'memory',
    dispatch,
    supports: {
      waits: true,
      timers: true,
      cancelRunning: true,
      streams: true,
      ownership: true,
      recordBytes,
      ...(byName && { once: true, retries: true }),
    },
    streams: storage.streams,
    payloads: storage.payloads,
    ...(byName && { isReplaying: () => process.ahead > 0 }),
  }
  const places: DurablePlaces = {
    execute: (step, run) => ({
      ...step,
      async run(context) {
        const key = `${run.runId}/${executionId(step)}`
        const known = storage.records.get(key)
        if (known !== undefined) {
          process.ahead--
          return JSON.parse(known)
        }
        const record = byName ? await executeByName(process, step, run) : await step.run(context)
        if (!process.alive) await never()
        const text = JSON.stringify(recordWithin(step, record, recordBytes))
        storage.records.set(key, text)
        return JSON.parse(text)
      },
    }),
    wait: (step, run) => ({ ...step, run: () => storage.wait(step, run, process) }),
    scope: (step, body, run) => (step.id === 'run' ? openRun(process, step.input as Json, body, run) : body()),
  }
  const parts = { places, port }
  const changed = { ...parts, ...options.change?.(parts, process) }
  return { name: 'memory', durability: changed.port, hooks: durable(changed.places) }
}

async function openRun<T>(process: MemoryProcess, input: Json, body: () => Promise<T>, run: RunInfo): Promise<T> {
  const { storage } = process
  const { runId } = run
  const of = digest(input)
  const known = storage.inputs.get(runId) ?? of
  storage.inputs.set(runId, known)
  if (known !== of) throw new HoldfastError({ code: 'RUN_CONFLICT', message: `run '${runId}' has another input` })
  storage.own(run, process)
  process.ahead = [...storage.records.keys()].filter((key) => key.startsWith(`${runId}/`)).length
  try {
    const end = await body()
    if ((end as { readonly status?: string }).status !== 'waiting') await storage.streams.close?.(runId)
    return end
  } catch (error) {
    if (!isSuspended(error)) await storage.streams.close?.(runId)
    throw error
  } finally {
    storage.release(runId, process)
  }
}
