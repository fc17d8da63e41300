/** The worker's side of a step: one function under the names of all steps of all registered agents. */
import { randomUUID } from 'node:crypto'
import type { AgentSpec, ErrorJson, PayloadStore, StepRecord, StreamSink } from '../../index.ts'
import {
  digest,
  errorToJson,
  executeStep,
  executionId,
  fingerprint,
  HoldfastError,
  isHoldfastError,
  recordWithin,
} from '../../index.ts'
import type { Json } from '../../index.ts'
import { Conversations, conversationOf } from './conversations.ts'
import { onStopHere, pinnedHere } from './here.ts'
import type { CancelRow, Pinned, RunRow, RunTomb, StepCall, StepReply } from './protocol.ts'
import { cancelKey, INLINE, MAX_OUTPUT, PROTOCOL, recordKey, runKey, startedKey } from './protocol.ts'
import { Recent } from './recent.ts'
import type { RunRows } from './run-rows.ts'
import type { WorkerAgent } from './workflow.ts'

export interface ActivityOptions {
  readonly agents: readonly WorkerAgent[]
  readonly streams?: StreamSink
  readonly payloads?: PayloadStore
  /** Milliseconds between looks whether the run was cancelled. */
  readonly cancelInterval: number
  /** Letters of JSON of conversations that are remembered. */
  readonly remember: number
}

/** For how long, in milliseconds, a step that is done here is not done again where Dapr did not get what it gave. */
const DONE = 60_000
const MANY = 200

export class StepActivities {
  readonly #rows: RunRows
  readonly #options: ActivityOptions
  readonly #agents: ReadonlyMap<string, WorkerAgent>
  readonly #conversations: Conversations
  readonly #running = new Map<string, Promise<StepReply>>()
  /** Of those the ones that are done, the oldest first. */
  readonly #done = new Map<string, Promise<StepReply>>()
  /** When it was last looked whether a run was cancelled. */
  readonly #looked = new Recent<number>()

  constructor(rows: RunRows, options: ActivityOptions) {
    this.#rows = rows
    this.#options = options
    this.#agents = new Map(options.agents.map((agent) => [agent.name, agent]))
    this.#conversations = new Conversations(rows, options.remember)
  }

  /** Joins what runs here already: after a restart of daprd the same attempt is asked for again. */
  execute(call: StepCall): Promise<StepReply> {
    const key = `${call.nonce} ${executionId(call.step)} ${call.attempt}`
    const known = this.#running.get(key)
    if (known) return known
    const running = this.#reply(call)
    this.#running.set(key, running)
    void running.then((reply) => {
      if (!('record' in reply || 'held' in reply)) {
        this.#running.delete(key)
        return
      }
      this.#done.set(key, running)
      setTimeout(() => this.#forget(key, running), DONE).unref()
      // What still runs stays: forgotten, it would be done again beside itself.
      const [oldest] = this.#done
      if (this.#done.size > MANY && oldest) this.#forget(...oldest)
    })
    return running
  }

  #forget(key: string, done: Promise<StepReply>): void {
    if (this.#done.get(key) !== done) return
    this.#done.delete(key)
    this.#running.delete(key)
  }

  async #reply(call: StepCall): Promise<StepReply> {
    const { nonce } = call
    const stop = new AbortController()
    let cancelled: CancelRow | undefined
    const look = async (): Promise<void> => {
      this.#looked.set(nonce, Date.now())
      cancelled ??= await this.#rows.get<CancelRow>(cancelKey(nonce))
      if (cancelled) stop.abort()
    }
    const off = onStopHere(nonce, () => stop.abort())
    const timer = setInterval(() => void look().catch(() => {}), this.#options.cancelInterval)
    try {
      // Of steps that follow each other at once not each looks.
      if (call.look || Date.now() - (this.#looked.get(nonce) ?? 0) >= this.#options.cancelInterval) await look()
      if (cancelled) return { cancelled }
      const record = await this.#execute(call, stop.signal)
      return await this.#replyWith(call, recordWithin(call.step, record, MAX_OUTPUT))
    } catch (error) {
      if (stop.signal.aborted) return { cancelled: cancelled ?? {} }
      const json = errorToJson(error, 'ENGINE_UNAVAILABLE')
      if (!isHoldfastError(error) || ELSEWHERE.has(json.code)) return { lacking: json }
      if (json.kind === 'retryable') return { failed: json }
      return { record: { of: fingerprint(call.step), error: json } }
    } finally {
      clearInterval(timer)
      off()
    }
  }

  /** What is large goes through the state store: in the history Dapr would carry it with each further step. */
  async #replyWith({ nonce, step, attempt, inline = INLINE }: StepCall, record: StepRecord): Promise<StepReply> {
    const text = JSON.stringify(record)
    if (Buffer.byteLength(text) <= inline) return { record }
    // Another execution of the same attempt must not write over what the history refers to.
    const key = recordKey(nonce, executionId(step), attempt, randomUUID())
    return { held: await this.#rows.putText(nonce, key, text), key }
  }

  async #execute(call: StepCall, signal: AbortSignal): Promise<StepRecord> {
    const { nonce, attempt, runId } = call
    const agent = this.#agents.get(call.root)
    if (call.version !== PROTOCOL || !agent) throw notHere(call)
    const { spec, context } = await this.#pinned(call, agent)
    const base = conversationOf(call.step)?.base
    const before = base ? await this.#conversations.before(call, base) : []
    const step = await this.#conversations.whole(call, before)
    const conversation = conversationOf(step)
    if (
      step.policy.effect === 'once' &&
      !(await this.#rows.first(nonce, startedKey(nonce, executionId(step)), { attempt }))
    ) {
      return { of: fingerprint(step), error: unknownOutcome(step.id) }
    }
    const { streams, payloads } = this.#options
    const writes = conversation && !call.held && !call.unwritten
    const kept = writes && this.#conversations.keep(call, conversation, before)
    if (kept) kept.catch(() => {})
    const record = await executeStep(agent, step, {
      runId,
      agent: call.agent,
      spec,
      context,
      messages: () => before,
      retries: 'engine',
      attempt,
      signal,
      ...(streams && { streams }),
      ...(payloads && { payloads }),
    })
    await kept
    return record
  }

  async #pinned({ nonce, spec, runId, agent: name, pinned }: StepCall, agent: WorkerAgent): Promise<Pinned> {
    const here = pinned ?? pinnedHere.get(`${nonce} ${spec}`)
    if (here) return here
    const row = await this.#rows.get<RunRow | RunTomb>(runKey(runId))
    const start = row && 'start' in row && row.nonce === nonce ? row.start : undefined
    const found = start && [start.spec, agent.definition.spec].map((one) => named(one, name, spec)).find((one) => one)
    if (!found) throw unpinned(runId)
    const known = { spec: found, context: start.context ?? null }
    pinnedHere.set(`${nonce} ${spec}`, known)
    return known
  }
}

/** What says that nothing was done, and that it can be done later or elsewhere. */
const ELSEWHERE: ReadonlySet<string> = new Set(['TOOL_UNKNOWN', 'MODEL_UNKNOWN', 'TASK_UNKNOWN', 'ENGINE_UNAVAILABLE'])

/** The spec of an agent in a tree. */
function named(spec: AgentSpec, name: string, of: string): AgentSpec | undefined {
  if (spec.name === name && digest(spec as unknown as Json) === of) return spec
  for (const { agent } of spec.tools) {
    const found = agent && named(agent, name, of)
    if (found) return found
  }
  return undefined
}

function unknownOutcome(id: string): ErrorJson {
  return {
    code: 'OUTCOME_UNKNOWN',
    kind: 'terminal',
    message: `step ${id} had started, and its worker did not say how it ended: whether it took effect is not known`,
    details: { step: id },
  }
}

function notHere({ root, version }: StepCall): HoldfastError {
  return new HoldfastError({
    code: 'TOOL_UNKNOWN',
    kind: 'retryable',
    message:
      version === PROTOCOL
        ? `this worker has no agent '${root}'. Add it to registerAgents(runtime, agents).`
        : `this worker has protocol ${PROTOCOL} of Holdfast, and the run has ${version}. Deploy one that knows it.`,
  })
}

function unpinned(runId: string): HoldfastError {
  return new HoldfastError({
    code: 'ENGINE_UNAVAILABLE',
    kind: 'retryable',
    message: `what run '${runId}' was started with is not in the state store. Do all workers use the same store?`,
    details: { runId },
  })
}
