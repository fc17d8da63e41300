/** What the engine in memory keeps: it outlives the processes. */
import { validateAnswer } from '../answer.ts'
import { HoldfastError } from '../errors.ts'
import { memoryPayloads, memoryStreams } from '../memory.ts'
import type { RunInfo } from '../run-info.ts'
import type { AgentSpec } from '../spec.ts'
import type { Step } from '../step.ts'
import type { WaitInput, WaitOutput } from '../step-kinds.ts'
import type { PayloadStore, StreamSink } from '../stream.ts'
import { never, sleep } from './life.ts'

interface Owner {
  readonly alive: boolean
}

interface WaitRow {
  readonly input: WaitInput
  readonly deadline: number
  /** JSON text. */
  output?: string
}

const POLL = 2

export class MemoryStorage {
  /** JSON text by `<run>/<execution>`. */
  readonly records: Map<string, string> = new Map()
  readonly waits: Map<string, WaitRow> = new Map()
  /** Executions of `once` steps that were started by name. */
  readonly marks: Set<string> = new Set()
  /** Digests of what runs were started with. */
  readonly inputs: Map<string, string> = new Map()
  /** What runs are, as it was when they began. */
  readonly specs: Map<string, AgentSpec> = new Map()
  readonly streams: StreamSink = memoryStreams()
  readonly payloads: PayloadStore = memoryPayloads()
  readonly #owners = new Map<string, { readonly process: Owner; readonly run: RunInfo }>()
  readonly #cancelled = new Map<string, string | undefined>()

  own(run: RunInfo, process: Owner): void {
    const { runId } = run
    if (this.#owners.has(runId)) {
      throw new HoldfastError({ code: 'RUN_LOCKED', message: `another process has run '${runId}'`, kind: 'retryable' })
    }
    this.#owners.set(runId, { process, run })
    if (this.#cancelled.has(runId)) run.cancel(this.#cancelled.get(runId))
  }

  release(runId: string, process: Owner): void {
    if (this.#owners.get(runId)?.process === process) this.#owners.delete(runId)
  }

  disown(process: Owner): void {
    for (const [runId, owner] of this.#owners) if (owner.process === process) this.#owners.delete(runId)
  }

  cancel(runId: string, reason: string | undefined): void {
    this.#cancelled.set(runId, reason)
    this.#owners.get(runId)?.run.cancel(reason)
  }

  answer(runId: string, waitId: string, answer: unknown): void {
    const row = this.waits.get(`${runId}/${waitId}`)
    if (!row) throw new HoldfastError({ code: 'WAIT_NOT_FOUND', message: `run '${runId}' does not wait for ${waitId}` })
    if (row.output !== undefined) {
      throw new HoldfastError({ code: 'WAIT_ANSWERED', message: `${waitId} of run '${runId}' is answered` })
    }
    row.output = JSON.stringify({ answer: validateAnswer(row.input, answer) })
  }

  async wait(step: Step<'wait'>, run: RunInfo, process: Owner): Promise<WaitOutput> {
    const row = this.#open(step, run)
    run.opened(step.id)
    for (;;) {
      if (!process.alive) await never()
      if (row.output !== undefined) return JSON.parse(row.output)
      if (Date.now() >= row.deadline) row.output = '{"timedOut":true}'
      else if (run.signal.aborted) throw run.signal.reason
      else if (run.onWait === 'block' || row.input.type === 'timer') await sleep(POLL)
      else throw new HoldfastError({ code: 'SUSPENDED', kind: 'suspended', message: `the run waits for ${step.id}` })
    }
  }

  #open({ id, input, policy }: Step<'wait'>, { runId }: RunInfo): WaitRow {
    const key = `${runId}/${id}`
    const known = this.waits.get(key)
    if (known && known.input.of !== input.of) {
      throw new HoldfastError({ code: 'DIVERGED', message: `wait ${id} was asked for another input` })
    }
    if (known) return known
    const timeout = input.type === 'timer' ? input.duration : policy.timeout
    const row = { input, deadline: timeout === undefined ? Number.POSITIVE_INFINITY : Date.now() + timeout }
    this.waits.set(key, row)
    return row
  }
}
