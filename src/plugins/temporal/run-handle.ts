/** One run on a Temporal server. */
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client'
import type { ErrorJson, RunHandle, RunResult, RunStatus, RunStatusName, StreamChunk, StreamSink } from '../../index.ts'
import { errorFromJson, errorToJson, HoldfastError, toJson } from '../../index.ts'
import { blockedBy } from './blocked.ts'
import { closeStream, readWhatIsThere } from './close-stream.ts'
import { failureOf, isEnd, isNotFound, isTimeout, notFound, noWorker, ownError, unavailable } from './client-errors.ts'
import type { Message } from '../../index.ts'
import type { MessagesPage, RespondArgument, RunMemo, StatusAnswer, WorkflowResult } from './protocol.ts'
import { namedMessages } from './result-messages.ts'
import { CANCEL, MEMO, payloadLimit, RESPOND, RESULT_MESSAGES, sizeOf, STATUS, UNPARK } from './protocol.ts'

/** Milliseconds between looks whether a run whose result is waited for is parked: they grow. */
const FIRST_LOOK = 5_000
const LAST_LOOK = 60_000

export class TemporalRun implements RunHandle {
  readonly runId: string
  readonly #client: Client
  readonly #patience: number
  readonly #streams: StreamSink | undefined

  constructor(client: Client, runId: string, patience: number, streams: StreamSink | undefined) {
    this.#client = client
    this.runId = runId
    this.#patience = patience
    this.#streams = streams
  }

  async status(): Promise<RunStatus> {
    const { runId } = this
    const described = await this.#describe()
    const { agent = '', status: said } = (described.memo?.[MEMO] as RunMemo | undefined) ?? ({} as Partial<RunMemo>)
    const status = statusOf(described, said)
    if (status === 'failed') {
      const error = await this.result().then(() => undefined, errorOf)
      return { runId, agent, status, waits: [], ...(error && { error }) }
    }
    if (status !== 'running') return { runId, agent, status, waits: [] }
    const blocked = await blockedBy(this.#client, described)
    if (blocked) return { runId, agent, status: 'blocked', waits: [], error: blocked }
    try {
      const answer = await this.#within(() => this.#handle.query<StatusAnswer>(STATUS))
      return { runId, ...answer }
    } catch (error) {
      if (isTimeout(error)) throw noWorker(runId, this.#patience, error)
      throw isNotFound(error) ? notFound(runId, error) : unavailable(error, `run '${runId}' does not say what it does`)
    }
  }

  async result(): Promise<RunResult> {
    const over = new AbortController()
    let ended: WorkflowResult
    try {
      ended = await Promise.race([this.#ending(over.signal), this.#parked(over.signal)])
    } catch (error) {
      throw failureOf(this.runId, error)
    } finally {
      over.abort()
    }
    const { named: _, ...result } = ended
    const messages = await this.#messagesOf(ended)
    return { ...result, messages, state: { ...result.state, messages } }
  }

  async respond(waitId: string, answer: unknown): Promise<void> {
    const argument: RespondArgument = { waitId, answer: answerJson(answer) }
    const { runId } = this
    this.#checkSize(argument)
    try {
      await this.#within(() => this.#handle.executeUpdate<void, [RespondArgument]>(RESPOND, { args: [argument] }))
    } catch (error) {
      const own = ownError(error)
      if (own) throw own
      if (isTimeout(error)) throw noWorker(runId, this.#patience, error)
      if (!isNotFound(error)) throw unavailable(error, `run '${runId}' was not given the answer`)
      await this.#describe()
      // The run is known and has ended.
      throw new HoldfastError({
        code: 'WAIT_NOT_FOUND',
        message: `run '${runId}' has ended: it does not wait for '${waitId}'.`,
        details: { runId, waitId },
        cause: error,
      })
    }
  }

  async cancel(reason?: string): Promise<void> {
    try {
      await this.#handle.signal(CANCEL, ...(reason === undefined ? [] : [reason]))
    } catch (error) {
      if (!isNotFound(error)) throw unavailable(error, `run '${this.runId}' was not cancelled`)
      // Of a run that has ended nothing is left to be cancelled.
      await this.#describe()
    }
  }

  async unpark(): Promise<void> {
    const { status } = await this.status()
    if (status !== 'parked') return
    try {
      await this.#within(() => this.#handle.executeUpdate(UNPARK))
    } catch (error) {
      if (isTimeout(error)) throw noWorker(this.runId, this.#patience, error)
      throw unavailable(error, `run '${this.runId}' was not told to go on`)
    }
  }

  events(options: { readonly from?: string; readonly signal?: AbortSignal } = {}): AsyncIterable<StreamChunk> {
    if (this.#streams) return this.#read(this.#streams, options)
    throw new HoldfastError({
      code: 'UNSUPPORTED',
      message:
        'temporalRuns() has no streams to read. Give it the StreamSink that the workers publish to: { streams }.',
    })
  }

  async *#read(
    streams: StreamSink,
    { from, signal }: { readonly from?: string; readonly signal?: AbortSignal },
  ): AsyncGenerator<StreamChunk> {
    const over = new AbortController()
    // A run that was deleted, or is not started yet: then the sink is not to be closed for all others.
    const unknown = new AbortController()
    // All that a step said is in the sink before its outcome is recorded, so at the end of the run nothing is to come. Its
    // worker closes the stream; one that died, or a server that ended the workflow, does not.
    const close = (): Promise<void> => closeStream(streams, this.runId)
    void this.#ending(over.signal).then(close, (error: unknown) => {
      if (isEnd(error)) return close()
      if (isNotFound(error)) unknown.abort()
    })
    try {
      yield* readWhatIsThere((signal) => streams.read(this.runId, from, signal), unknown.signal, signal)
    } finally {
      over.abort()
    }
  }

  #checkSize(argument: RespondArgument): void {
    const stored = this.#client.options.loadedDataConverter.externalStorage?.payloadSizeThreshold
    const limit = payloadLimit(stored === undefined ? {} : { externalStorage: stored })
    const size = sizeOf(argument)
    if (size <= limit) return
    throw new HoldfastError({
      code: 'PAYLOAD_TOO_LARGE',
      message: `the answer has ${size} bytes of JSON, and Temporal takes ${limit}: give a reference in its place, or configure ExternalStorage.`,
      details: { runId: this.runId, waitId: argument.waitId, size, limit },
    })
  }

  #ending(signal: AbortSignal): Promise<WorkflowResult> {
    return this.#client.withAbortSignal(signal, () => this.#handle.result()) as Promise<WorkflowResult>
  }

  async #messagesOf(ended: WorkflowResult): Promise<readonly Message[]> {
    try {
      const named = await namedMessages(this.#client, this.runId, ended)
      if (named && named.length > 0) return named
    } catch (error) {
      throw unavailable(error, `the messages of run '${this.runId}' can't be read`)
    }
    return this.#messages()
  }

  /** Rejects once the run is parked: nothing will come of it by itself. */
  async #parked(signal: AbortSignal): Promise<never> {
    for (let pause = FIRST_LOOK; ; pause = Math.min(2 * pause, LAST_LOOK)) {
      const error = await this.#parkedBy().catch(() => undefined)
      if (error) throw errorFromJson(error)
      await pauseFor(pause, signal)
    }
  }

  async #parkedBy(): Promise<ErrorJson | undefined> {
    const { memo } = await this.#describe()
    if ((memo?.[MEMO] as RunMemo | undefined)?.status !== 'parked') return undefined
    const { status, error } = await this.status()
    return status === 'parked' ? error : undefined
  }

  get #handle(): WorkflowHandle {
    return this.#client.workflow.getHandle(this.runId)
  }

  async #describe(): Promise<WorkflowExecutionDescription> {
    try {
      return await this.#handle.describe()
    } catch (error) {
      throw isNotFound(error)
        ? notFound(this.runId, error)
        : unavailable(error, `run '${this.runId}' can't be looked at`)
    }
  }

  #within<T>(request: () => Promise<T>): Promise<T> {
    return this.#client.withDeadline(Date.now() + this.#patience, request)
  }

  /** Of a conversation that was too long for the workflow's result. */
  async #messages(): Promise<readonly Message[]> {
    let text = ''
    for (;;) {
      let page: MessagesPage
      try {
        page = await this.#within(() => this.#handle.query<MessagesPage, [number]>(RESULT_MESSAGES, text.length))
      } catch (error) {
        if (isTimeout(error)) throw noWorker(this.runId, this.#patience, error)
        throw unavailable(error, `the messages of run '${this.runId}' can't be had`)
      }
      text += page.text
      if (text.length >= page.total) return JSON.parse(text) as Message[]
    }
  }
}

/** Rejects when nobody waits any more, also where that was so before: a timer would keep the process. */
function pauseFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal.addEventListener('abort', stop, { once: true })
  })
}

function answerJson(answer: unknown): RespondArgument['answer'] {
  try {
    return toJson(answer, 'answer')
  } catch (error) {
    const message = `the answer was refused and nothing was recorded: ${(error as Error).message}`
    throw new HoldfastError({ code: 'ANSWER_INVALID', message, cause: error })
  }
}

function errorOf(error: unknown): ErrorJson {
  return errorToJson(error, 'HOOK_FAILED')
}

/** What the server knows of a run, and what the run said last. */
export function statusOf(
  { status }: Pick<WorkflowExecutionDescription, 'status'>,
  said: string | undefined,
): RunStatusName {
  switch (status.name) {
    case 'RUNNING':
      return 'running'
    case 'COMPLETED':
      return said === 'limit' || said === 'cancelled' ? said : 'completed'
    case 'CANCELLED':
    case 'TERMINATED':
      return 'cancelled'
    default:
      return 'failed'
  }
}
