/**
 * A Lambda service on this machine, as small as a durable function needs: starts executions (Invoke), has the emulator
 * keep them, and gives their invocations to handlers through the Runtime API. Talks to loopback alone.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer, request } from 'node:http'
import type { Emulator, EmulatorOptions } from './emulator.ts'
import { startEmulator } from './emulator.ts'

/** What a handler is to do, and how it says what came of it. */
export interface Job {
  readonly id: string
  readonly functionName: string
  readonly arn: string
  /** JSON. */
  readonly event: string
  /** Milliseconds since the epoch. */
  readonly deadline: number
  done(output: string): void
  failed(error: string): void
}

/** Called around each checkpoint that a handler sends, which waits for it; `lost` before it: it never arrives. */
export type OnCheckpoint = (
  when: 'before' | 'after',
  functionName: string,
  updates: readonly CheckpointUpdate[],
) => Promise<'lost' | undefined> | 'lost' | undefined

export interface CheckpointUpdate {
  readonly Name?: string
  readonly Type: string
  readonly Action: string
}

export interface ServiceOptions extends Omit<EmulatorOptions, 'lambda'> {
  /** Milliseconds that an invocation may take. Default: 900,000. */
  readonly timeout?: number
}

const INVOKE = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/
const VERSIONS = /^\/2015-03-31\/functions\/([^/]+)\/versions$/
const RUNTIME = /^\/functions\/([^/]+)\/2018-06-01\/runtime\/invocation\/(.+)$/
const CHECKPOINT = /^\/2025-12-01\/durable-executions\/([^/]+)\/checkpoint$/

export class LambdaService {
  /** For clients and handlers: AWS_ENDPOINT_URL_LAMBDA. */
  readonly url: string
  timeout: number
  onCheckpoint: OnCheckpoint | undefined
  /** Called when a function has something to do and nobody took it. */
  readonly onJob: Map<string, () => void> = new Map()
  readonly #server: Server
  readonly #emulator: Emulator
  readonly #queues = new Map<string, { jobs: Job[]; takers: ((job: Job) => void)[] }>()
  readonly #running = new Map<string, Job>()
  readonly #functions = new Map<string, string>()

  private constructor(server: Server, url: string, emulator: Emulator, timeout: number) {
    this.#server = server
    this.url = url
    this.#emulator = emulator
    this.timeout = timeout
  }

  static async start({ timeout = 900_000, ...options }: ServiceOptions = {}): Promise<LambdaService> {
    let service: LambdaService | undefined
    const server = createServer((req, res) => void service?.answer(req, res))
    server.requestTimeout = 0
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as { readonly port: number }).port}`
    service = new LambdaService(server, url, await startEmulator({ ...options, lambda: url }), timeout)
    return service
  }

  /** Where the handler of a function asks for its work: AWS_LAMBDA_RUNTIME_API. */
  runtimeApi(functionName: string): string {
    return `${this.url.slice('http://'.length)}/functions/${functionName}`
  }

  /** The next invocation of a function; never, where the signal aborts before. */
  take(functionName: string, signal?: AbortSignal): Promise<Job> {
    const queue = this.#queue(functionName)
    const job = queue.jobs.shift()
    if (job) return Promise.resolve(job)
    return new Promise((resolve) => {
      queue.takers.push(resolve)
      signal?.addEventListener('abort', () => {
        queue.takers = queue.takers.filter((taker) => taker !== resolve)
      })
    })
  }

  /** Whoever had invocations of the function is gone. */
  lose(functionName: string): void {
    for (const job of [...this.#running.values()]) {
      if (job.functionName === functionName) job.failed('{"errorType":"Runtime.ExitError","errorMessage":"it exited"}')
    }
  }

  async stop(): Promise<void> {
    await this.#emulator.stop()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = (req.url ?? '').split('?')[0] ?? ''
    try {
      const invoke = INVOKE.exec(path)
      const runtime = RUNTIME.exec(path)
      if (invoke && req.headers['x-dex-handler-invoke']) await this.#invoke(nameOf(invoke[1]), req, res)
      else if (invoke) await this.#startExecution(String(invoke[1]), req, res)
      else if (runtime) await this.#runtime(String(runtime[1]), String(runtime[2]), req, res)
      else if (VERSIONS.test(path)) reply(res, 200, { Versions: [{ Version: '$LATEST' }] })
      else await this.#proxy(path, req, res)
    } catch (error) {
      reply(res, 500, { Type: 'ServiceException', Message: String(error) })
    }
  }

  /** The emulator has an invocation for a handler. */
  async #invoke(functionName: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const event = await bodyOf(req)
    const { DurableExecutionArn: arn } = JSON.parse(event) as { readonly DurableExecutionArn: string }
    this.#functions.set(arn, functionName)
    const id = randomUUID()
    const deadline = Date.now() + this.timeout
    const end = (body: string, headers: Record<string, string>): void => {
      if (this.#running.delete(id) || !res.headersSent) res.writeHead(200, headers).end(body)
    }
    const timer = setTimeout(
      () => job.failed('{"errorType":"Sandbox.Timedout","errorMessage":"timed out"}'),
      this.timeout,
    )
    res.on('close', () => clearTimeout(timer))
    const job: Job = {
      id,
      functionName,
      arn,
      event,
      deadline,
      done: (output) => end(output, {}),
      failed: (error) => end(error, { 'x-amz-function-error': 'Unhandled' }),
    }
    this.#running.set(id, job)
    const queue = this.#queue(functionName)
    const taker = queue.takers.shift()
    if (taker) taker(job)
    else {
      queue.jobs.push(job)
      this.onJob.get(functionName)?.()
    }
  }

  /** A client starts an execution; its name makes it one of a kind. An alias counts as a version of its own. */
  async #startExecution(identifier: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const input = await bodyOf(req)
    const functionName = nameOf(identifier)
    const qualifier = decodeURIComponent(identifier).split(':')[1] ?? '$LATEST'
    const name = String(req.headers['x-amz-durable-execution-name'] ?? randomUUID())
    const listed = await this.#ask(
      `/2025-12-01/functions/${functionName}/durable-executions?DurableExecutionName=${name}`,
    )
    const [known] = (listed['DurableExecutions'] ?? []) as { readonly DurableExecutionArn: string }[]
    if (known) {
      const got = await this.#ask(`/2025-12-01/durable-executions/${encodeURIComponent(known.DurableExecutionArn)}`)
      if (got['InputPayload'] === input) reply(res, 202, {})
      else reply(res, 409, { Type: 'User', message: 'already started' }, 'DurableExecutionAlreadyStartedException')
      return
    }
    await this.#ask('/start-durable-execution', {
      AccountId: '000000000000',
      FunctionName: functionName,
      FunctionQualifier: qualifier,
      ExecutionName: name,
      ExecutionTimeoutSeconds: 3_600,
      ExecutionRetentionPeriodDays: 1,
      Input: input,
    })
    reply(res, 202, {})
  }

  async #runtime(functionName: string, what: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (what === 'next') {
      const gone = new AbortController()
      res.on('close', () => gone.abort())
      const job = await this.take(functionName, gone.signal)
      res.writeHead(200, {
        'lambda-runtime-aws-request-id': job.id,
        'lambda-runtime-deadline-ms': String(job.deadline),
        'lambda-runtime-invoked-function-arn': `arn:aws:lambda:us-west-2:000000000000:function:${functionName}`,
      })
      res.end(job.event)
      return
    }
    const [id = '', kind] = what.split('/')
    const body = await bodyOf(req)
    const job = this.#running.get(id)
    if (kind === 'response') job?.done(body)
    else job?.failed(body)
    reply(res, 202, {})
  }

  async #proxy(path: string, req: IncomingMessage, res: ServerResponse): Promise<void> {
    const checkpoint = CHECKPOINT.exec(path)
    const functionName = checkpoint && this.#functions.get(decodeURIComponent(String(checkpoint[1])))
    const body = await bodyOf(req)
    const tell = async (when: 'before' | 'after'): Promise<'lost' | undefined> => {
      if (!functionName || !this.onCheckpoint) return undefined
      const { Updates = [] } = JSON.parse(body) as { readonly Updates?: readonly CheckpointUpdate[] }
      return this.onCheckpoint(when, functionName, Updates)
    }
    if ((await tell('before')) === 'lost') {
      res.destroy()
      return
    }
    const { host: _, ...headers } = req.headers
    const answer = await send(`${this.#emulator.url}${req.url}`, { method: req.method ?? 'GET', headers }, body)
    await tell('after')
    res.writeHead(answer.status, answer.headers).end(answer.body)
  }

  async #ask(path: string, body?: unknown): Promise<{ readonly [key: string]: unknown }> {
    const text = body === undefined ? '' : JSON.stringify(body)
    const answer = await send(`${this.#emulator.url}${path}`, { method: body === undefined ? 'GET' : 'POST' }, text)
    if (answer.status >= 300) throw new Error(`the emulator said ${answer.status}: ${answer.body}`)
    return JSON.parse(answer.body.toString())
  }

  #queue(functionName: string): { jobs: Job[]; takers: ((job: Job) => void)[] } {
    const known = this.#queues.get(functionName)
    if (known) return known
    const queue = { jobs: [], takers: [] }
    this.#queues.set(functionName, queue)
    return queue
  }
}

/** Without a version or alias. */
function nameOf(identifier: string | undefined): string {
  return decodeURIComponent(String(identifier)).split(':')[0] ?? ''
}

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function reply(res: ServerResponse, status: number, body: unknown, errorType?: string): void {
  if (res.headersSent) return
  res.writeHead(status, { 'content-type': 'application/json', ...(errorType && { 'x-amzn-errortype': errorType }) })
  res.end(JSON.stringify(body))
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

/** By hand, since a proxy must pass on what it got as it was. */
function send(
  url: string,
  options: { readonly method: string; readonly headers?: IncomingMessage['headers'] },
  body: string,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request(url, options, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () => {
        const { connection: _, 'transfer-encoding': __, ...headers } = res.headers
        resolve({ status: res.statusCode ?? 500, headers, body: Buffer.concat(chunks) })
      })
    })
    req.on('error', reject)
    req.end(body)
  })
}
