/** A Lambda function in a process of its own: started when it has something to do, and again when it died. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import type { LambdaService } from './service.ts'

export interface FunctionOptions {
  readonly name: string
  /** A module that calls `serveLambda(handler)`. */
  readonly file: string
  readonly env?: { readonly [name: string]: string }
  /** Processes that may be started, in all. Default: 20. */
  readonly starts?: number
}

export class LambdaFunction {
  readonly #service: LambdaService
  readonly #options: FunctionOptions
  #child: ChildProcess | undefined
  #starts = 0
  #isStopped = false

  constructor(service: LambdaService, options: FunctionOptions) {
    this.#service = service
    this.#options = options
    service.onJob.set(options.name, () => this.#ensure())
  }

  get starts(): number {
    return this.#starts
  }

  /** It dies here and now; what it was doing is given to another. */
  async kill(): Promise<void> {
    const child = this.#child
    if (!child) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#service.onJob.delete(this.#options.name)
    await this.kill()
  }

  #ensure(): void {
    const { name, file, env, starts = 20 } = this.#options
    if (this.#child || this.#isStopped) return
    if (this.#starts++ >= starts) throw new Error(`function ${name} died ${starts} times`)
    const child = spawn(process.execPath, ['--conditions=holdfast-source', file], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        ...process.env,
        AWS_LAMBDA_RUNTIME_API: this.#service.runtimeApi(name),
        AWS_ENDPOINT_URL_LAMBDA: this.#service.url,
        AWS_ACCESS_KEY_ID: 'none',
        AWS_SECRET_ACCESS_KEY: 'none',
        AWS_REGION: 'us-west-2',
        ...env,
      },
    })
    this.#child = child
    const end = (): void => void child.kill('SIGKILL')
    process.on('exit', end)
    child.on('exit', () => {
      process.off('exit', end)
      this.#child = undefined
      this.#service.lose(name)
    })
  }
}
