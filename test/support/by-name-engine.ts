/**
 * A fake engine that executes steps by name: a worker in a child process gets the descriptor, looks the model or tool up
 * in the agent that it has registered, and gives a record back. The engine retries, and has run-once by a first-write mark.
 */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { AgentPlugin, Base, DurableStep, Json, RunInfo, Step, StepDescriptor, WaitInput } from 'holdfast'
import { describeStep, durable, executionId, fingerprint, HoldfastError } from 'holdfast'

export interface StepRequest {
  readonly id: number
  readonly step: StepDescriptor
  readonly info: Pick<RunInfo, 'runId' | 'agent' | 'spec' | 'context'>
  readonly attempt: number
}

export type WorkerReply =
  | { readonly id: number; readonly record: Json }
  | { readonly id: number; readonly failure: { readonly message: string; readonly retryAfter?: number } }
  /** The worker lacks the messages of a base: it asks the run. */
  | { readonly ask: number; readonly base: Base }
  | { readonly started: string; readonly id: number }

export class ByNameEngine {
  readonly journal: Map<string, string> = new Map()
  readonly answers: Map<string, Json> = new Map()
  readonly waits: Map<string, WaitInput> = new Map()
  readonly dispatched: string[] = []
  /** Told when the worker starts the body of a step; a test may kill it then. */
  onStarted: (step: string, worker: ChildProcess) => void = () => {}
  readonly #marks = new Set<string>()
  readonly #module: string
  #worker: Promise<ChildProcess> | undefined
  #next = 0

  /** @param module path of the worker, which calls `serveSteps(agent)` */
  constructor(module: string) {
    this.#module = module
  }

  plugin(): AgentPlugin {
    return {
      name: 'by-name',
      durability: {
        engine: 'by-name',
        dispatch: 'name',
        supports: { waits: true, timers: true, once: true, retries: true },
      },
      hooks: durable({
        execute: (step, run) => ({ ...step, run: () => this.#execute(step, run) }),
        wait: (step) => ({ ...step, run: () => this.#wait(step) }),
      }),
    }
  }

  async stop(): Promise<void> {
    const worker = await this.#worker
    if (!worker || worker.exitCode !== null || worker.signalCode !== null) return
    worker.kill('SIGKILL')
    await once(worker, 'exit')
  }

  async #execute(step: DurableStep, run: RunInfo): Promise<never> {
    const key = executionId(step)
    const known = this.journal.get(key)
    if (known !== undefined) return JSON.parse(known) as never
    const descriptor = describeStep(step)
    const attempts = step.policy.retry?.maxAttempts ?? 1
    for (let attempt = 1; ; attempt++) {
      const record = await this.#attempt(descriptor, run, attempt, attempt >= attempts)
      if (record === undefined) continue
      this.journal.set(key, JSON.stringify(record))
      return JSON.parse(JSON.stringify(record)) as never
    }
  }

  async #attempt(
    step: StepDescriptor,
    { runId, agent, spec, context, messages }: RunInfo,
    attempt: number,
    last: boolean,
  ): Promise<unknown> {
    const key = executionId(step)
    if (step.policy.effect === 'once') {
      if (this.#marks.has(key)) return unknown(step)
      this.#marks.add(key)
    }
    const worker = await this.#start()
    const id = this.#next++
    this.dispatched.push(key)
    const reply = await new Promise<WorkerReply | 'gone'>((resolve) => {
      const onMessage = (message: WorkerReply): void => {
        if ('ask' in message && message.ask === id) worker.send({ id, messages: messages(message.base) })
        else if ('started' in message) {
          if (message.id !== id) return
          this.onStarted(key, worker)
          if (!worker.killed) worker.send({ go: id })
        } else if ('id' in message && message.id === id) finish(message)
      }
      const onExit = (): void => finish('gone')
      const finish = (result: WorkerReply | 'gone'): void => {
        worker.off('message', onMessage)
        worker.off('exit', onExit)
        resolve(result)
      }
      worker.on('message', onMessage)
      worker.on('exit', onExit)
      const request: StepRequest = { id, step, info: { runId, agent, spec, context }, attempt }
      worker.send(request)
    })
    if (reply === 'gone') {
      // Several steps may have run there: the first that notices has a new worker started, the others take that.
      if ((await this.#worker) === worker) this.#worker = undefined
      return step.policy.effect === 'once' ? unknown(step) : undefined
    }
    if ('record' in reply) return reply.record
    if ('failure' in reply && !last) return undefined
    const message = 'failure' in reply ? reply.failure.message : 'no reply'
    return { of: fingerprint(step), error: { code: 'TOOL_FAILED', kind: 'retryable', message } }
  }

  async #wait(step: Step<'wait'>): Promise<never> {
    this.waits.set(step.id, step.input)
    if (step.input.type === 'timer') return { timedOut: true } as never
    const answer = this.answers.get(step.id)
    if (answer !== undefined) return { answer } as never
    throw new HoldfastError({ code: 'SUSPENDED', kind: 'suspended', message: `waits for ${step.id}` })
  }

  #start(): Promise<ChildProcess> {
    this.#worker ??= (async () => {
      const worker = fork(this.#module, {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        execArgv: ['--conditions=holdfast-source'],
      })
      worker.setMaxListeners(0)
      await once(worker, 'message')
      return worker
    })()
    return this.#worker
  }
}

function unknown(step: StepDescriptor): unknown {
  const message = 'the worker died'
  return { of: fingerprint(step), error: { code: 'OUTCOME_UNKNOWN', kind: 'terminal', message } }
}
