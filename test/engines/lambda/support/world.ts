/** What the tests of Lambda share: a service, functions on it, clients. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LambdaClient } from '@aws-sdk/client-lambda'
import type { AgentRuns, RunHandle } from 'holdfast'
import { isHoldfastError } from 'holdfast'
import type { LambdaRunsOptions } from 'holdfast/lambda'
import { lambdaRuns } from 'holdfast/lambda'
import { LambdaFunction } from '../../../../examples/lambda/local/function.ts'
import type { ServiceOptions } from '../../../../examples/lambda/local/service.ts'
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
    const file = fileURLToPath(new URL(`./${child}`, import.meta.url))
    const made = new LambdaFunction(this.service, { name, file, env: { EFFECTS: effects, ...env } })
    this.#functions.push(made)
    return { name, effects, process: made, runs: this.runs(name) }
  }

  runs(functionName: string, options: Partial<LambdaRunsOptions> = {}): AgentRuns {
    return lambdaRuns(this.client, { functionName, interval: 20, ...options })
  }

  /** The name of a function that a handler in this process serves. */
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
  readonly runs: AgentRuns
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
