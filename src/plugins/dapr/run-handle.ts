/** One run on Dapr. */
import type { DaprWorkflowClient, WorkflowState } from '@dapr/dapr'
import { WorkflowRuntimeStatus } from '@dapr/dapr'
import type { RunHandle, RunResult, RunStatus, RunStatusName, StreamChunk, StreamSink } from '../../index.ts'
import { errorFromJson, HoldfastError, isHoldfastError, toJson, validateAnswer } from '../../index.ts'
import { ENDED, lookAt } from './look.ts'
import type { AnswerRow, CancelRow, LiveStatus, RunEvent, RunRow, RunTomb, WorkflowOutput } from './protocol.ts'
import { answerKey, cancelKey, instanceId, resultKey, runKey, settledKey } from './protocol.ts'
import type { RunRows } from './run-rows.ts'
import type { Store } from './store.ts'
import { unavailable } from './store.ts'
import { wake } from './wakes.ts'

export interface HandleOptions {
  readonly runId: string
  readonly store: Store
  readonly rows: RunRows
  readonly workflows: DaprWorkflowClient
  readonly streams: StreamSink | undefined
  readonly patience: number
}

export interface Look extends RunStatus {
  readonly updatedAt: Date
  readonly state?: WorkflowState
}

/** Milliseconds between looks at a run whose end is waited for, less and less often, and between attempts to wake one that is held. */
const LOOK = 50
const LONGEST_LOOK = 500
const WAKE = 5_000

export class DaprRun implements RunHandle {
  readonly runId: string
  readonly #options: HandleOptions
  #woken = 0
  #known: string | undefined

  constructor(options: HandleOptions) {
    this.runId = options.runId
    this.#options = options
  }

  async status(): Promise<RunStatus> {
    const { runId, agent, status, waits, error } = await this.look()
    if (status === 'blocked') await this.#wake()
    return { runId, agent, status, waits, ...(error && { error }) }
  }

  /** What is known of it, in one look. */
  async look(): Promise<Look> {
    const { runId } = this
    let state = await this.#state()
    const row = state ? undefined : await this.#row()
    if (row) state = await this.#state()
    // It was started a moment ago, or who started it died in the middle.
    if (!state && !row) throw notFound(runId)
    if (!state) return { runId, agent: row?.agent ?? '', status: 'running', waits: [], updatedAt: new Date() }
    const live = statusOf(state)
    const agent = live?.agent || (await this.#row())?.agent || state.name
    return { runId, agent, updatedAt: state.lastUpdatedAt, state, ...(await this.#standing(state, live)) }
  }

  async result(): Promise<RunResult> {
    for (let gone = 0, between = LOOK; ; await pause(between)) {
      between = Math.min(between * 1.1, LONGEST_LOOK)
      try {
        const { status, state, error } = await this.look()
        gone = 0
        if (status === 'blocked') await this.#wake()
        if (error && status === 'failed') throw errorFromJson(error)
        if (state && ENDED.has(state.runtimeStatus)) return await this.#resultOf(state)
      } catch (error) {
        if (!isHoldfastError(error, 'ENGINE_UNAVAILABLE')) throw error
        gone ||= Date.now()
        if (Date.now() - gone > this.#options.patience) throw error
      }
    }
  }

  async respond(waitId: string, answer: unknown): Promise<void> {
    const { runId } = this
    const { store, rows } = this.#options
    const { status, waits } = await this.look()
    const nonce = await this.#nonce()
    const wait = waits.find(({ id }) => id === waitId)
    if (!wait) {
      const settled = await store.get<object>(settledKey(nonce, waitId))
      throw settled ? answered(waitId) : notAsked(runId, waitId, `the run's status is '${status}'`)
    }
    const checked = validateAnswer(wait.input, toJson(answer, `the answer to '${waitId}'`))
    const key = answerKey(nonce, waitId, wait.input.of)
    const isFirst = await rows.first(nonce, key, { answer: checked })
    if (isFirst) await rows.put(nonce, settledKey(nonce, waitId), { settled: true })
    // Also where it is not: whoever answered may have died before the run was told.
    await this.#raise({ type: 'answer', waitId })
    if (!isFirst) throw answered(waitId)
  }

  async cancel(reason?: string): Promise<void> {
    const { state } = await this.look()
    // Of a run that has ended nothing is left to be cancelled.
    if (state && ENDED.has(state.runtimeStatus)) return
    const row: CancelRow = reason === undefined ? {} : { reason }
    const nonce = await this.#nonce()
    await this.#options.rows.first(nonce, cancelKey(nonce), row)
    await this.#raise({ type: 'cancel', ...row })
  }

  events(options: { readonly from?: string; readonly signal?: AbortSignal } = {}): AsyncIterable<StreamChunk> {
    const { streams } = this.#options
    if (streams) return streams.read(this.runId, options.from, options.signal)
    throw new HoldfastError({
      code: 'UNSUPPORTED',
      message: 'daprRuns() has no streams to read. Give it the StreamSink that the workers publish to: { streams }.',
    })
  }

  async #standing(
    state: WorkflowState,
    live: LiveStatus | undefined,
  ): Promise<Pick<RunStatus, 'status' | 'waits' | 'error'>> {
    switch (state.runtimeStatus) {
      case WorkflowRuntimeStatus.COMPLETED:
        return { status: await this.#endOf(state), waits: [] }
      case WorkflowRuntimeStatus.TERMINATED:
        return { status: 'cancelled', waits: [] }
      case WorkflowRuntimeStatus.FAILED:
        return { status: 'failed', waits: [], error: live?.error ?? failureOf(state) }
      default:
        return this.#alive(live)
    }
  }

  /** Without what was answered, or cancelled, and not yet seen by the run. */
  async #alive(live: LiveStatus | undefined): Promise<Pick<RunStatus, 'status' | 'waits' | 'error'>> {
    const { status = 'running', waits = [], error } = live ?? {}
    if (status !== 'waiting') return { status, waits, ...(error && { error }) }
    const { store } = this.#options
    const nonce = await this.#nonce()
    const rows = await Promise.all([
      store.get<CancelRow>(cancelKey(nonce)),
      ...waits.map(({ id, input }) => store.get<AnswerRow>(answerKey(nonce, id, input.of))),
    ])
    const open = rows[0] ? [] : waits.filter((_, index) => rows[index + 1] === undefined)
    return { status: open.length > 0 ? 'waiting' : 'running', waits: open }
  }

  async #endOf(state: WorkflowState): Promise<RunStatusName> {
    const { status } = await this.#resultOf(state)
    return status
  }

  async #resultOf(state: WorkflowState): Promise<RunResult> {
    const output = JSON.parse(state.serializedOutput ?? 'null') as WorkflowOutput | null
    if (!output || !('result' in output || 'pages' in output)) throw ended(this.runId, state)
    const text = 'pages' in output ? await this.#pages(output.pages) : undefined
    const result = (text === undefined ? (output as { result: unknown }).result : JSON.parse(text)) as RunResult
    return { ...result, state: { ...result.state, messages: result.messages } }
  }

  async #pages(count: number): Promise<string> {
    const text = await this.#options.rows.getText(resultKey(await this.#nonce()), count)
    if (text === undefined)
      throw unavailable('a part of it is missing', `the result of run '${this.runId}' can't be read`)
    return text
  }

  async #row(): Promise<RunRow | undefined> {
    const found = await this.#options.store.get<RunRow | RunTomb>(runKey(this.runId))
    const row = found && 'start' in found ? found : undefined
    this.#known = row?.instance
    return row
  }

  async #instance(): Promise<string> {
    if (this.#known === undefined) await this.#row()
    return this.#known ?? instanceId(this.runId)
  }

  /** A workflow of the app's own has no row, and is known by its id. */
  async #nonce(): Promise<string> {
    return (await this.#row())?.nonce ?? this.runId
  }

  async #state(): Promise<WorkflowState | undefined> {
    return lookAt(this.#options.workflows, await this.#instance(), true)
  }

  async #raise(event: RunEvent): Promise<void> {
    const { workflows, store } = this.#options
    return wake(workflows, store, await this.#instance(), event)
  }

  /** A run that is held looks again when something happens: a fixed worker may be there. */
  async #wake(): Promise<void> {
    if (Date.now() - this.#woken < WAKE) return
    this.#woken = Date.now()
    await this.#raise({ type: 'wake' })
  }
}

function statusOf({ customStatus }: WorkflowState): LiveStatus | undefined {
  if (!customStatus) return undefined
  try {
    const once: unknown = JSON.parse(customStatus)
    const parsed: unknown = typeof once === 'string' ? JSON.parse(once) : once
    return typeof parsed === 'object' && parsed !== null && 'waits' in parsed ? (parsed as LiveStatus) : undefined
  } catch {
    return undefined
  }
}

function failureOf({ workflowFailureDetails }: WorkflowState): NonNullable<RunStatus['error']> {
  const message = workflowFailureDetails?.getErrorMessage() ?? 'the workflow failed'
  return { code: 'HOOK_FAILED', kind: 'terminal', message }
}

function ended(runId: string, { runtimeStatus }: WorkflowState): HoldfastError {
  const stopped = runtimeStatus === WorkflowRuntimeStatus.TERMINATED
  return new HoldfastError({
    code: stopped ? 'CANCELLED' : 'UNSUPPORTED',
    message: stopped
      ? `the workflow of run '${runId}' was terminated.`
      : `the workflow of run '${runId}' gave something else than the result of a run: it is one of the app's own.`,
    details: { runId },
  })
}

export function notFound(runId: string): HoldfastError {
  return new HoldfastError({
    code: 'RUN_NOT_FOUND',
    message: `run '${runId}' is not known to this daprd's app, or it was deleted.`,
    details: { runId },
  })
}

function answered(waitId: string): HoldfastError {
  return new HoldfastError({
    code: 'WAIT_ANSWERED',
    message: `'${waitId}' has an answer already: nothing was changed.`,
    details: { waitId },
  })
}

function notAsked(runId: string, waitId: string, why: string): HoldfastError {
  return new HoldfastError({
    code: 'WAIT_NOT_FOUND',
    message: `run '${runId}' does not wait for '${waitId}': ${why}.`,
    details: { runId, waitId },
  })
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
