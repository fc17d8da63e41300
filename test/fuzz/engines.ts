/** The engines that a script is run on. */
import type { AgentPlugin, DurableStep, Json, RunInfo, RunResult, RunState, Step, StepDescriptor } from 'holdfast'
import {
  describeStep,
  durable,
  errorToJson,
  executeStep,
  executionId,
  fingerprint,
  HoldfastError,
  isHoldfastError,
  toJson,
} from 'holdfast'
import { PositionalEngine } from '../support/positional-engine.ts'
import { buildAgent } from './interpret.ts'
import type { Process, World } from './world.ts'
import { here } from './world.ts'

export const INPUT = 'go'
export const RUN_ID = 'run-1'

/** An engine with one run on it. */
export interface Bench {
  readonly name: string
  readonly durable: boolean
  /** The run in one process, to its end or until it waits. */
  run(process: Process): Promise<RunResult>
  answer(answers: { readonly [waitId: string]: unknown }): void | Promise<void>
  /** The execution ids that are recorded. */
  recorded(): ReadonlySet<string>
  close?(): void | Promise<void>
}

export type BenchMaker = (world: World) => Bench

/** What runs on every engine. */
function runWith(process: Process, plugin: AgentPlugin, side: 'both' | 'loop' = 'both'): Promise<RunResult> {
  const agent = buildAgent(process, side, [plugin])
  return here.run(process, () =>
    agent.run(INPUT, { runId: RUN_ID, signal: process.signal, context: { tenant: 'fuzz' } }),
  )
}

/** No engine: the state goes through JSON and a new agent takes it up. */
export const memory: BenchMaker = () => {
  let state: string | undefined
  let answers: { readonly [waitId: string]: unknown } = {}
  return {
    name: 'memory',
    durable: false,
    async run(process) {
      const agent = buildAgent(process, 'both')
      const { signal } = process
      const result = await (state === undefined
        ? agent.run(INPUT, { runId: RUN_ID, signal, context: { tenant: 'fuzz' } })
        : agent.resume(JSON.parse(state) as RunState, answers, { signal }))
      state = JSON.stringify(result.state)
      return result
    },
    answer(given) {
      answers = given
    },
    recorded: () => new Set(),
  }
}

/** The places in which an engine takes a step: all of a batch must come in one tick. */
class Ticks {
  #tick = 0
  #armed = false

  now(): number {
    if (!this.#armed) {
      this.#armed = true
      queueMicrotask(() => {
        this.#armed = false
        this.#tick++
      })
    }
    return this.#tick
  }
}

interface Journal {
  readonly records: Map<string, string>
  readonly answers: Map<string, Json>
  life: number
  write(key: string, value: unknown, life: number): void
}

function journalOf(world: World): Journal {
  const records = new Map<string, string>()
  return {
    records,
    answers: new Map(),
    life: 0,
    write(key, value, life) {
      if (life !== this.life) throw new HoldfastError({ code: 'RUN_LOCKED', message: 'this process is dead' })
      if (records.has(key)) world.broken.push(`${key} was recorded twice`)
      records.set(key, JSON.stringify(value))
    },
  }
}

function suspend(id: string): never {
  throw new HoldfastError({ code: 'SUSPENDED', kind: 'suspended', message: `waits for ${id}` })
}

async function waitOn(journal: Journal, step: Step<'wait'>, life: number, process: Process): Promise<never> {
  const key = `wait:${step.id}`
  const known = journal.records.get(key)
  await process.boundary()
  if (known !== undefined) return JSON.parse(known) as never
  const answer = journal.answers.get(step.id)
  if (answer === undefined && step.input.type !== 'timer') return suspend(step.id)
  const output = answer === undefined ? { timedOut: true } : { answer }
  journal.write(key, output, life)
  await process.boundary()
  return JSON.parse(JSON.stringify(output)) as never
}

/** By closure, records on a Map by execution id. */
export const keyed: BenchMaker = (world) => {
  const journal = journalOf(world)
  const ticks = new Ticks()
  const plugin = (process: Process): AgentPlugin => {
    const life = ++journal.life
    const batches = new Map<string, number>()
    const opened = new Set<string>()
    return {
      name: 'keyed',
      durability: { engine: 'keyed', dispatch: 'closure', supports: { waits: true, timers: true } },
      hooks: durable({
        execute: (step) => ({
          ...step,
          run: async () => {
            const key = executionId(step)
            const known = journal.records.get(key)
            if (known !== undefined) return JSON.parse(known) as never
            if (!process.dead) world.performed.push({ id: key, process: process.ordinal })
            await process.boundary()
            const record = await step.run()
            await process.boundary()
            journal.write(key, record, life)
            await process.boundary()
            return JSON.parse(JSON.stringify(record)) as never
          },
        }),
        wait: (step) => ({ ...step, run: () => waitOn(journal, step, life, process) }),
        scope: (step, body) => {
          const [, batch] = /^(.*\d+\/)(?:tool|agent)\/\d+\/[^/]+$/.exec(step.id) ?? []
          // A settled step that a hook wants again has executed nothing: its number is the same, its place another.
          if (batch !== undefined && !opened.has(step.id)) {
            opened.add(step.id)
            const now = ticks.now()
            const before = batches.get(batch)
            if (before !== undefined && before !== now) world.broken.push(`batch ${batch} was not started in one tick`)
            batches.set(batch, now)
          }
          return body()
        },
      }),
    }
  }
  return {
    name: 'keyed',
    durable: true,
    run(process) {
      process.onDeath = () => {
        journal.life++
      }
      return runWith(process, plugin(process))
    },
    answer: (answers) => remember(journal.answers, answers),
    recorded: () => new Set([...journal.records.keys()].filter((key) => !key.startsWith('wait:'))),
  }
}

function remember(known: Map<string, Json>, answers: { readonly [waitId: string]: unknown }): void {
  for (const [id, answer] of Object.entries(answers)) known.set(id, toJson(answer, 'answer'))
}

/** By closure, records by place alone. */
export const positional: BenchMaker = (world) => {
  const engine = new PositionalEngine({
    onOperation: (id, when) => {
      const process = here.getStore() as Process
      if (when === 'before-effect' && !process.dead) world.performed.push({ id, process: process.ordinal })
      return process.boundary()
    },
  })
  return {
    name: 'positional',
    durable: true,
    run(process) {
      process.onDeath = () => engine.crash()
      return runWith(process, engine.plugin())
    },
    answer: (answers) => remember(engine.answers, answers),
    recorded: () => new Set([...engine.journal.values()].map(({ name }) => name)),
  }
}

/** By name: a loop without bodies and a worker without hooks; between them JSON alone. */
export const byName: BenchMaker = (world) => {
  const journal = journalOf(world)
  const marks = new Set<string>()
  const plugin = (process: Process): AgentPlugin => {
    const life = ++journal.life
    const worker = buildAgent(process, 'worker')
    const execute = async (step: DurableStep, run: RunInfo): Promise<never> => {
      const key = executionId(step)
      const known = journal.records.get(key)
      if (known !== undefined) return JSON.parse(known) as never
      const text = JSON.stringify(describeStep(step))
      const write = async (record: unknown): Promise<never> => {
        await process.boundary()
        journal.write(key, record, life)
        await process.boundary()
        return JSON.parse(JSON.stringify(record)) as never
      }
      if (step.policy.effect === 'once') {
        if (marks.has(key)) return write({ of: fingerprint(step), error: lost(step) })
        if (life !== journal.life) throw new HoldfastError({ code: 'RUN_LOCKED', message: 'this process is dead' })
        marks.add(key)
      }
      if (!process.dead) world.performed.push({ id: key, process: process.ordinal })
      await process.boundary()
      return write(await attempts(worker, JSON.parse(text) as StepDescriptor, run))
    }
    return {
      name: 'by-name',
      durability: {
        engine: 'by-name',
        dispatch: 'name',
        supports: { waits: true, timers: true, once: true, retries: true, cancelRunning: true },
      },
      hooks: durable({
        execute: (step, run) => ({ ...step, run: () => execute(step, run) }),
        wait: (step) => ({ ...step, run: () => waitOn(journal, step, life, process) }),
      }),
    }
  }
  return {
    name: 'by-name',
    durable: true,
    run(process) {
      process.onDeath = () => {
        journal.life++
      }
      return runWith(process, plugin(process), 'loop')
    },
    answer: (answers) => remember(journal.answers, answers),
    recorded: () => new Set([...journal.records.keys()].filter((key) => !key.startsWith('wait:'))),
  }
}

async function attempts(worker: ReturnType<typeof buildAgent>, step: StepDescriptor, run: RunInfo): Promise<unknown> {
  const { runId, agent, spec, context, signal } = run
  const most = step.policy.retry?.maxAttempts ?? 1
  for (let attempt = 1; ; attempt++) {
    try {
      const record = await executeStep(worker, step, {
        ...(JSON.parse(JSON.stringify({ runId, agent, spec, context })) as Pick<
          RunInfo,
          'runId' | 'agent' | 'spec' | 'context'
        >),
        signal,
        attempt,
        retries: 'engine',
        messages: (base) => JSON.parse(JSON.stringify(run.messages(base))),
      })
      return JSON.parse(JSON.stringify(record))
    } catch (error) {
      if (!isHoldfastError(error) || error.kind !== 'retryable') throw error
      if (attempt >= most) return { of: fingerprint(step), error: errorToJson(error, 'TOOL_FAILED') }
    }
  }
}

function lost(step: StepDescriptor): Json {
  const message = `step ${step.id} had started when its process ended`
  return { code: 'OUTCOME_UNKNOWN', kind: 'terminal', message, details: { step: step.id } }
}
