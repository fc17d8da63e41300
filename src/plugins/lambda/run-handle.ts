/** One run on a durable function. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { GetDurableExecutionResponse, LambdaClient } from '@aws-sdk/client-lambda'
import {
  GetDurableExecutionCommand,
  SendDurableExecutionCallbackSuccessCommand,
  StopDurableExecutionCommand,
} from '@aws-sdk/client-lambda'
import type { Json, RunResult, RunState, StreamChunk } from '../../index.ts'
import { errorToJson, HoldfastError, resultOf, validateAnswer } from '../../index.ts'
import { clientError, failureOf, notFound } from './failures.ts'
import { findExecution } from './find-run.ts'
import type { KnownWait, RunHistory } from './history.ts'
import { readHistory } from './history.ts'
import type { LambdaRunHandle, LambdaRunStatus, LambdaRunsOptions } from './options.ts'
import type { AgentRunEvent, AgentRunOutput, CancelAnswer } from './protocol.ts'
import { MAX_RECORD, sizeOf } from './protocol.ts'

export class LambdaRun implements LambdaRunHandle {
  readonly runId: string
  readonly #client: LambdaClient
  readonly #options: LambdaRunsOptions
  #arn: string | undefined

  constructor(client: LambdaClient, options: LambdaRunsOptions, runId: string, arn: string | undefined) {
    this.#client = client
    this.#options = options
    this.runId = runId
    this.#arn = arn
  }

  async status(): Promise<LambdaRunStatus> {
    const described = await this.#describe()
    const start = JSON.parse(described.InputPayload ?? '{}') as Partial<AgentRunEvent>
    const { runId = this.runId, agent = '' } = start
    switch (described.Status) {
      case 'RUNNING': {
        const { waits, failure } = await this.#history()
        const open = waits
          .filter(({ closed }) => !closed)
          .map(({ id, input, callbackId }) => ({ id, input, callbackId }))
        if (failure) return { runId, agent, status: 'blocked', waits: open, error: failure }
        return { runId, agent, status: open.length > 0 ? 'waiting' : 'running', waits: open }
      }
      case 'SUCCEEDED':
        return { runId, agent, status: (await this.#resultOf(described)).status, waits: [] }
      case 'STOPPED':
        return { runId, agent, status: 'cancelled', waits: [] }
      default: {
        const error = errorToJson(failureOf(runId, described.Error), 'HOOK_FAILED')
        return { runId, agent, status: 'failed', waits: [], error }
      }
    }
  }

  async result(): Promise<RunResult> {
    for (;;) {
      const described = await this.#describe()
      if (described.Status === 'SUCCEEDED') return this.#resultOf(described)
      if (described.Status !== 'RUNNING') throw failureOf(this.runId, described.Error)
      await sleep(this.#options.interval ?? 1_000)
    }
  }

  async respond(waitId: string, answer: unknown): Promise<void> {
    const wait = await this.#openWait(waitId)
    const text = JSON.stringify(validateAnswer(wait.input, answer))
    const size = sizeOf(text)
    if (size > MAX_RECORD) {
      throw new HoldfastError({
        code: 'PAYLOAD_TOO_LARGE',
        message: `the answer to wait '${waitId}' has ${size} bytes of JSON, and Lambda takes ${MAX_RECORD}: give references in its place.`,
        details: { waitId, size, limit: MAX_RECORD },
      })
    }
    try {
      await this.#succeed(wait.callbackId, text)
    } catch (error) {
      const { waits } = await this.#history()
      if (waits.find(({ callbackId }) => callbackId === wait.callbackId)?.closed) throw answered(waitId, error)
      throw clientError(error, `run '${this.runId}' was not given the answer`)
    }
  }

  async cancel(reason?: string): Promise<void> {
    const described = await this.#describe()
    // Of a run that has ended nothing is left to be cancelled.
    if (described.Status !== 'RUNNING') return
    const { cancels } = this.#options
    const request = reason === undefined ? {} : { reason }
    await cancels?.setCancel(this.runId, request)
    const marker: CancelAnswer = { $holdfast: 'cancelled', ...request }
    const until = Date.now() + this.#patience
    for (;;) {
      const { ended, waits, opening } = await this.#history()
      if (ended) return
      // No invocation looks at the flag while the run waits for a person: the callback wakes it.
      const told = await Promise.allSettled(
        waits
          .filter(({ closed }) => !closed)
          .map(({ callbackId }) => this.#succeed(callbackId, JSON.stringify(marker))),
      )
      if (told.some(({ status }) => status === 'fulfilled')) return
      const [refused] = told.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
      // One that was answered meanwhile is closed at the next look; one that is just being opened may be seen at it.
      if (told.length === 0 && opening.length === 0) break
      if (Date.now() >= until) {
        if (refused === undefined) break
        throw clientError(refused, `run '${this.runId}' was not told that it is cancelled`)
      }
      await sleep(50)
    }
    if (cancels) return
    throw new HoldfastError({
      code: 'UNSUPPORTED',
      message: `run '${this.runId}' is running, and without a store for cancels nothing reaches it. Give { cancels } to lambdaRuns() and to the handler.`,
      details: { runId: this.runId },
    })
  }

  events(options: { readonly from?: string; readonly signal?: AbortSignal } = {}): AsyncIterable<StreamChunk> {
    const { streams } = this.#options
    if (streams) return streams.read(this.runId, options.from, options.signal)
    throw new HoldfastError({
      code: 'UNSUPPORTED',
      message:
        'lambdaRuns() has no streams to read. Give it the StreamSink that the handler publishes to: { streams }.',
    })
  }

  /** Ends the execution where it is. The service forgets it when its retention is over, and not before. */
  async stop(): Promise<void> {
    const { Status, DurableExecutionArn } = await this.#describe()
    if (Status !== 'RUNNING') return
    await this.#send(
      () => this.#client.send(new StopDurableExecutionCommand({ DurableExecutionArn })),
      'could not be stopped',
    )
  }

  /** Milliseconds for which a wait that is just being opened is looked for. */
  get #patience(): number {
    return this.#options.patience ?? 5_000
  }

  async #openWait(waitId: string): Promise<KnownWait> {
    const until = Date.now() + this.#patience
    for (;;) {
      const { ended, waits, opening } = await this.#history()
      const known = waits.findLast(({ id }) => id === waitId)
      if (known?.closed) throw answered(waitId)
      if (known && !ended) return known
      // The callback is there, and what it is about is about to be.
      if (ended || opening.length === 0 || Date.now() >= until) {
        throw new HoldfastError({
          code: 'WAIT_NOT_FOUND',
          message: `wait '${waitId}' is not open: ${ended ? 'the run has ended' : 'it was not asked, or not yet'}. Look at status() for what is open.`,
          details: { waitId },
        })
      }
      await sleep(50)
    }
  }

  async #history(): Promise<RunHistory> {
    const arn = await this.#find()
    return this.#send(() => readHistory(this.#client, arn, this.#options.payloads), "can't be looked at")
  }

  async #succeed(callbackId: string, text: string): Promise<void> {
    const Result = new TextEncoder().encode(text)
    await this.#client.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId: callbackId, Result }))
  }

  async #describe(): Promise<GetDurableExecutionResponse> {
    const arn = await this.#find()
    return this.#send(
      () => this.#client.send(new GetDurableExecutionCommand({ DurableExecutionArn: arn })),
      "can't be looked at",
    )
  }

  async #find(): Promise<string> {
    const { functionName } = this.#options
    const found = (): Promise<string | undefined> => findExecution(this.#client, functionName, this.runId)
    this.#arn ??= await this.#send(found, "can't be looked for")
    if (!this.#arn) throw notFound(this.runId)
    return this.#arn
  }

  async #resultOf({ Result }: GetDurableExecutionResponse): Promise<RunResult> {
    const { state, ref } = JSON.parse(Result ?? '{}') as AgentRunOutput
    if (state) return resultOf(state)
    const { payloads } = this.#options
    if (ref !== undefined && payloads)
      return resultOf(JSON.parse(new TextDecoder().decode(await payloads.get(ref))) as RunState)
    throw new HoldfastError({
      code: 'CONFIG_INVALID',
      message: `the result of run '${this.runId}' is in a payload store: give lambdaRuns() the one that the handler has.`,
      details: { runId: this.runId, ref: (ref ?? null) as Json },
    })
  }

  async #send<T>(request: () => Promise<T>, what: string): Promise<T> {
    try {
      return await request()
    } catch (error) {
      if ((error as Error).name === 'ResourceNotFoundException') throw notFound(this.runId, error)
      throw clientError(error, `run '${this.runId}' ${what}`)
    }
  }
}

function answered(waitId: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'WAIT_ANSWERED',
    message: `wait '${waitId}' has its answer already, or timed out. Nothing was recorded; look at status() for what is open.`,
    details: { waitId },
    ...(cause !== undefined && { cause }),
  })
}
