/** What the tests of Lambda share: a service, functions on it, clients. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import {
  GetDurableExecutionCommand,
  InvokeCommand,
  LambdaClient,
  ListDurableExecutionsByFunctionCommand,
} from '@aws-sdk/client-lambda'
import type { RunHandle } from 'holdfast'
import { isHoldfastError } from 'holdfast'
import type { LambdaRuns, LambdaRunsOptions } from 'holdfast/lambda'
import { lambdaRuns } from 'holdfast/lambda'
import { LambdaFunction } from '../../../../examples/lambda/local/function.ts'
import type { ServiceOptions } from '../../../../examples/lambda/local/service.ts'
import type { Handler } from '../../../../examples/lambda/local/runtime.ts'
import { lambdaContext } from '../../../../examples/lambda/local/runtime.ts'
import { LambdaService } from '../../../../examples/lambda/local/service.ts'

export class LambdaWorld {
  readonly service: LambdaService
  readonly client: LambdaClient
  readonly folder: string = mkdtempSync(join(tmpdir(), 'holdfast-lambda-'))
  readonly #functions: LambdaFunction[] = []
  #next = 0

  private constructor(service: LambdaService) {
    this.service = service
    this.client = new LambdaClient({
      endpoint: service.url,
      region: 'us-west-2',
      credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
    })
  }

  static async start(options: ServiceOptions = {}): Promise<LambdaWorld> {
    return new LambdaWorld(await LambdaService.start(options))
  }

  /** A function with a file of effects, in a process of its own. */
  function(child: string, env: { readonly [name: string]: string } = {}): TestFunction {
    const name = `function-${this.#next++}`
    const effects = join(this.folder, `${name}-effects`)
    writeFileSync(effects, '')
    const file = resolve(fileURLToPath(new URL('.', import.meta.url)), child)
    const made = new LambdaFunction(this.service, { name, file, env: { EFFECTS: effects, ...env } })
    this.#functions.push(made)
    return { name, effects, process: made, runs: this.runs(name) }
  }

  runs(functionName: string, options: Partial<LambdaRunsOptions> = {}): LambdaRuns {
    return lambdaRuns(this.client, { functionName, interval: 20, ...options })
  }

  /** A function whose handler is in this process: a warm one, which has every invocation. */
  serve(
    handler: Handler,
    options: Partial<LambdaRunsOptions> = {},
  ): { readonly name: string; readonly runs: LambdaRuns } {
    const name = this.name()
    void this.#serve(name, handler)
    return { name, runs: this.runs(name, options) }
  }

  async #serve(name: string, handler: Handler): Promise<void> {
    for (;;) {
      const job = await this.service.take(name)
      handler(JSON.parse(job.event), lambdaContext(job.id, '', job.deadline) as never).then(
        (output) => job.done(JSON.stringify(output)),
        (error: Error) => job.failed(JSON.stringify({ errorType: error.name, errorMessage: error.message })),
      )
    }
  }

  /** Start an execution that is no run, and give its result. */
  async execute(functionName: string, name: string, event: unknown): Promise<unknown> {
    const Payload = new TextEncoder().encode(JSON.stringify(event))
    const start = { FunctionName: functionName, InvocationType: 'Event', DurableExecutionName: name, Payload } as const
    await this.client.send(new InvokeCommand(start))
    const list = new ListDurableExecutionsByFunctionCommand({ FunctionName: functionName, DurableExecutionName: name })
    const { DurableExecutions = [] } = await this.client.send(list)
    const DurableExecutionArn = DurableExecutions[0]?.DurableExecutionArn
    for (;;) {
      const { Status, Result = 'null' } = await this.client.send(
        new GetDurableExecutionCommand({ DurableExecutionArn }),
      )
      if (Status !== 'RUNNING') return JSON.parse(Result)
      await sleep(20)
    }
  }

  /** The name of a function that nobody has. */
  name(): string {
    return `function-${this.#next++}`
  }

  async stop(): Promise<void> {
    for (const made of this.#functions) await made.stop()
    await this.service.stop()
    this.client.destroy()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export interface TestFunction {
  readonly name: string
  readonly effects: string
  readonly process: LambdaFunction
  readonly runs: LambdaRuns
}

export function effectsOf({ effects }: TestFunction): string[] {
  return readFileSync(effects, 'utf8').split('\n').filter(Boolean).sort()
}

/** Answers what a run asks until it has ended; a function is asked for the answer. */
export async function answerAll(run: RunHandle, answers: { readonly [waitId: string]: unknown }): Promise<string[]> {
  const asked = new Set<string>()
  for (;;) {
    const { status, waits } = await run.status()
    if (status !== 'running' && status !== 'waiting' && status !== 'blocked') return [...asked]
    for (const { id } of waits) {
      if (!(id in answers)) throw new Error(`nobody expected the run to ask ${id}`)
      try {
        const answer = answers[id]
        await run.respond(id, typeof answer === 'function' ? answer() : answer)
        asked.add(id)
      } catch (error) {
        if (!isHoldfastError(error, 'WAIT_ANSWERED') && !isHoldfastError(error, 'WAIT_NOT_FOUND')) throw error
      }
    }
    await sleep(20)
  }
}
