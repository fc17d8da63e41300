/**
 * The emulator as the conformance kit wants it: the service and its protocol are real, the processes that serve the function
 * are simulated in this one. What is dead is heard by nobody any more.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DurableExecutionClient } from '@aws/durable-execution-sdk-js'
import { DurableExecutionApiClient } from '@aws/durable-execution-sdk-js'
import type { AgentPlugin, AgentRuns, RunInput, RunOptions, RunResult } from 'holdfast'
import { errorFromJson, memoryStreams } from 'holdfast'
import type { CancelRequest, CancelStore, LambdaOptions } from 'holdfast/lambda'
import { lambdaAgentHandler, lambdaDurabilityPlugin } from 'holdfast/lambda'
import type { EngineUnderTest, TestAgent } from 'holdfast/testing'
import { lambdaContext } from '../../../../examples/lambda/local/runtime.ts'
import type { Job } from '../../../../examples/lambda/local/service.ts'
import type { LambdaWorld } from './world.ts'

export function memoryCancels(): CancelStore {
  const requests = new Map<string, CancelRequest>()
  return {
    setCancel: async (runId, request) => void requests.set(runId, request),
    getCancel: async (runId) => requests.get(runId),
  }
}

/** A process: what it sends arrives while it lives. */
class Process {
  alive = true
  agent: TestAgent | undefined
  readonly #world: LambdaWorld
  readonly #failures = new Map<string, unknown>()

  constructor(world: LambdaWorld) {
    this.#world = world
  }

  async serve(job: Job): Promise<void> {
    const { runId } = JSON.parse(
      (JSON.parse(job.event) as JobEvent).InitialExecutionState.Operations[0]?.ExecutionDetails.InputPayload ?? '{}',
    ) as { readonly runId: string }
    const handler = lambdaAgentHandler(this.#durable(this.agent as TestAgent), {
      durable: { durableExecutionClient: this.#transport(runId) },
    })
    try {
      const output = await handler(JSON.parse(job.event), lambdaContext(job.id, '', job.deadline) as never)
      if (this.alive) job.done(JSON.stringify(output))
    } catch (error) {
      if (!this.alive) return
      // Not given back: the next process is to have it.
      this.#failures.set(runId, error)
    }
  }

  failure(runId: string): unknown {
    return this.#failures.get(runId)
  }

  #durable(agent: TestAgent): TestAgent & { readonly plugins: readonly AgentPlugin[] } {
    return { ...agent, plugins: agent.definition.plugins }
  }

  #transport(runId: string): DurableExecutionClient {
    const real = new DurableExecutionApiClient(this.#world.client)
    const whileAlive = async <T>(ask: () => Promise<T>): Promise<T> => {
      if (!this.alive) return new Promise<T>(() => {})
      const answer = await ask()
      return this.alive ? answer : new Promise<T>(() => {})
    }
    return {
      checkpoint: async (given, logger) => {
        const answer = await whileAlive(() => real.checkpoint(given, logger))
        // A run that is held does not fail its invocation.
        const held = given.Updates?.find(({ Name, Action }) => Name === 'held' && Action === 'RETRY')
        if (held) this.#failures.set(runId, errorFromJson(JSON.parse(held.Error?.ErrorData ?? '')))
        return answer
      },
      getExecutionState: (given, logger) => whileAlive(() => real.getExecutionState(given, logger)),
    }
  }
}

interface JobEvent {
  readonly InitialExecutionState: {
    readonly Operations: readonly { readonly ExecutionDetails: { readonly InputPayload?: string } }[]
  }
}

export class EmulatorEngine implements EngineUnderTest {
  readonly name: string
  readonly #world: LambdaWorld
  readonly #runs: AgentRuns
  readonly #options: LambdaOptions
  readonly #processes = new Map<AgentPlugin, Process>()
  #serving: Process | undefined
  #waiting: Job[] = []
  #busy = 0
  #ended = false

  constructor(world: LambdaWorld, options: LambdaOptions = {}) {
    this.#world = world
    this.name = world.name()
    this.#options = { cancels: memoryCancels(), cancelInterval: 5, streams: memoryStreams(), ...options }
    const { cancels, streams, payloads } = this.#options
    this.#runs = world.runs(this.name, {
      interval: 5,
      ...(cancels && { cancels }),
      ...(streams && { streams }),
      ...(payloads && { payloads }),
    })
    void this.#takeAll()
  }

  start(): AgentPlugin {
    const process = new Process(this.#world)
    const plugin = { ...lambdaDurabilityPlugin(this.#options), dispose: async () => this.#end(process) }
    this.#processes.set(plugin, process)
    return plugin
  }

  kill(plugin: AgentPlugin): void {
    const process = this.#processes.get(plugin)
    if (!process) return
    this.#end(process)
  }

  respond(runId: string, waitId: string, answer: unknown): Promise<void> {
    return this.#runs.get(runId).respond(waitId, answer)
  }

  cancel(runId: string, reason?: string): Promise<void> {
    return this.#runs.get(runId).cancel(reason)
  }

  async run(agent: TestAgent, input: RunInput, options: RunOptions & { readonly runId: string }): Promise<RunResult> {
    const { runId, context, messages, onWait } = options
    const own = agent.definition.plugins.find(({ durability }) => durability)
    const process = [...this.#processes].find(([plugin]) => plugin.hooks === own?.hooks)?.[1]
    if (!process) throw new Error('the agent has no plugin of this engine')
    process.agent = agent
    // Before there is something to do, which no earlier process is to take.
    this.#serving = process
    const run = await this.#runs.start(agent, input, {
      runId,
      ...(context !== undefined && { context }),
      ...(messages && { messages }),
    })
    this.#serve(process)
    for (;;) {
      if (!process.alive) return new Promise(() => {})
      const failure = process.failure(runId)
      if (failure) {
        this.#end(process)
        throw failure
      }
      const { status } = await run.status()
      if (status === 'waiting' && onWait !== 'block' && this.#busy === 0) {
        const again = await run.status()
        if (again.status === 'waiting' && this.#busy === 0) return waitingResult(runId, again.waits)
      } else if (status !== 'running' && status !== 'waiting' && status !== 'blocked') return run.result()
      await sleep(5)
    }
  }

  async dispose(): Promise<void> {
    this.#ended = true
    for (const process of this.#processes.values()) process.alive = false
    this.#world.service.lose(this.name)
  }

  /** What a process that is gone was asked for, or held, is asked of the next. */
  #end(process: Process): void {
    process.alive = false
    if (this.#serving !== process) return
    this.#serving = undefined
    this.#world.service.lose(this.name)
  }

  #serve(process: Process): void {
    this.#serving = process
    for (const job of this.#waiting.splice(0)) void this.#give(job)
  }

  async #give(job: Job): Promise<void> {
    const process = this.#serving
    if (!process?.alive) {
      this.#waiting.push(job)
      return
    }
    this.#busy++
    // A dead process never comes to an end; it is not waited for.
    const over = new Promise<void>((resolve) => {
      const look = setInterval(() => {
        if (process.alive) return
        clearInterval(look)
        resolve()
      }, 5)
      void process.serve(job).finally(() => {
        clearInterval(look)
        resolve()
      })
    })
    await over
    this.#busy--
  }

  async #takeAll(): Promise<void> {
    while (!this.#ended) {
      const job = await this.#world.service.take(this.name)
      void this.#give(job)
    }
  }
}

function waitingResult(runId: string, waits: RunResult['waits']): RunResult {
  const state = { runId, status: 'waiting', messages: [], usage: {}, waits } as unknown as RunResult['state']
  return { runId, status: 'waiting', text: '', messages: [], usage: {}, turns: 0, waits, state }
}
