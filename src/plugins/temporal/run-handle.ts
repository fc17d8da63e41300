/** One run on a Temporal server. */
import type { Client, WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client'
import type { ErrorJson, RunHandle, RunResult, RunStatus, RunStatusName, StreamChunk, StreamSink } from '../../index.ts'
import { errorToJson, HoldfastError, toJson } from '../../index.ts'
import { blockedBy } from './blocked.ts'
import { failureOf, isNotFound, isTimeout, notFound, noWorker, ownError, unavailable } from './client-errors.ts'
import type { Message } from '../../index.ts'
import type { MessagesPage, RespondArgument, RunMemo, StatusAnswer } from './protocol.ts'
import { CANCEL, MEMO, RESPOND, RESULT_MESSAGES, STATUS } from './protocol.ts'

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
    let result: RunResult
    try {
      result = (await this.#handle.result()) as RunResult
    } catch (error) {
      throw failureOf(this.runId, error)
    }
    const whole = result.messages.length > 0 ? result.messages : await this.#messages()
    return { ...result, messages: whole, state: { ...result.state, messages: whole } }
  }

  async respond(waitId: string, answer: unknown): Promise<void> {
    const argument: RespondArgument = { waitId, answer: answerJson(answer) }
    const { runId } = this
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

  events(options: { readonly from?: string; readonly signal?: AbortSignal } = {}): AsyncIterable<StreamChunk> {
    if (this.#streams) return this.#streams.read(this.runId, options.from, options.signal)
    throw new HoldfastError({
      code: 'UNSUPPORTED',
      message:
        'temporalRuns() has no streams to read. Give it the StreamSink that the workers publish to: { streams }.',
    })
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
