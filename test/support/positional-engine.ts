/**
 * A fake closure engine that knows an operation by its place alone: a counter per context, names checked on replay, as
 * AWS Lambda Durable Execution does it. Tests of the contract use it; it keeps its journal as JSON text.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { AgentPlugin, DurableStep, Json, Step, WaitInput } from 'holdfast'
import { durable, executionId, HoldfastError } from 'holdfast'

interface Context {
  readonly path: string
  counter: number
}

export interface PositionalOptions {
  /** Without the scope two parallel steps under a retry wrapper swap places. Default true. */
  readonly scope?: boolean
  /** Called after each thing that reaches the engine; throwing or never settling is the test's business. */
  readonly onOperation?: (name: string, when: 'before-effect' | 'after-effect' | 'after-record') => Promise<void> | void
}

export class PositionalEngine {
  readonly journal: Map<string, { readonly name: string; readonly text: string }> = new Map()
  readonly answers: Map<string, Json> = new Map()
  readonly waits: Map<string, WaitInput> = new Map()
  /** Grows when a process "dies": what belongs to an older one may not write any more. */
  #life = 0
  readonly #contexts = new AsyncLocalStorage<Context>()
  readonly #options: PositionalOptions

  constructor(options: PositionalOptions = {}) {
    this.#options = options
  }

  /** The process is gone: its continuation may go on, but nothing of it reaches the journal. */
  crash(): void {
    this.#life++
  }

  /** The plugin for one process (one replay). */
  plugin(): AgentPlugin {
    const life = this.#life
    const root: Context = { path: '', counter: 0 }
    const here = (): Context => this.#contexts.getStore() ?? root
    return {
      name: 'positional',
      durability: { engine: 'positional', dispatch: 'closure', supports: { waits: true, timers: true } },
      hooks: durable({
        execute: (step) => ({ ...step, run: () => this.#execute(step, here(), life) }),
        wait: (step) => ({ ...step, run: () => this.#wait(step, here(), life) }),
        ...(this.#options.scope !== false && {
          scope: (step, body) => {
            if (step.id === 'run') return body()
            const place = this.#take(here(), executionId(step))
            return this.#contexts.run({ path: place.path, counter: 0 }, body)
          },
        }),
      }),
    }
  }

  /** The counter is taken in the same tick in which the operation is called: that is the whole point. */
  #take(context: Context, name: string): { readonly path: string; readonly text: string | undefined } {
    const path = `${context.path}/${context.counter++}`
    const known = this.journal.get(path)
    if (known && known.name !== name) {
      throw new HoldfastError({ code: 'DIVERGED', message: `Expected "${known.name}", got "${name}" at ${path}` })
    }
    return { path, text: known?.text }
  }

  async #execute(step: DurableStep, context: Context, life: number): Promise<never> {
    const name = executionId(step)
    const { path, text } = this.#take(context, name)
    if (text !== undefined) return JSON.parse(text) as never
    await this.#options.onOperation?.(name, 'before-effect')
    const record = await step.run()
    await this.#options.onOperation?.(name, 'after-effect')
    this.#write(path, name, record, life)
    await this.#options.onOperation?.(name, 'after-record')
    return JSON.parse(JSON.stringify(record)) as never
  }

  async #wait(step: Step<'wait'>, context: Context, life: number): Promise<never> {
    const { path, text } = this.#take(context, step.id)
    if (text !== undefined) return JSON.parse(text) as never
    this.waits.set(step.id, step.input)
    const answer = this.answers.get(step.id)
    if (answer === undefined && step.input.type !== 'timer') {
      throw new HoldfastError({ code: 'SUSPENDED', kind: 'suspended', message: `waits for ${step.id}` })
    }
    const output = answer === undefined ? { timedOut: true } : { answer }
    this.#write(path, step.id, output, life)
    return JSON.parse(JSON.stringify(output)) as never
  }

  #write(path: string, name: string, value: unknown, life: number): void {
    if (life !== this.#life) throw new HoldfastError({ code: 'RUN_LOCKED', message: 'this process is dead' })
    if (this.journal.has(path)) throw new Error(`${path} was recorded already`)
    this.journal.set(path, { name, text: JSON.stringify(value) })
  }
}
