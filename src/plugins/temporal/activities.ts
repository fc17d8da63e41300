/** The worker's side of a step: one function under the names of all steps of all registered agents. */
import { Context } from '@temporalio/activity'
import { ApplicationFailure, CancelledFailure } from '@temporalio/common'
import type { AgentSpec, Json, Message, PayloadStore, StepDescriptor, StepRecord, StreamSink } from '../../index.ts'
import type { AgentDefinition, Base } from '../../index.ts'
import { errorToJson, executeStep, fingerprint, HoldfastError, isHoldfastError } from '../../index.ts'
import { Conversations, isCancelled, specsOf } from './conversations.ts'
import type { Owner } from './conversations.ts'
import { activityName, isUnknownHere } from './names.ts'
import type { StepCall } from './protocol.ts'
import { MAX_PAYLOAD, PROTOCOL, sizeOf } from './protocol.ts'

/** An agent as a worker needs it. `Agent` is one. */
export interface WorkerAgent {
  readonly name: string
  readonly definition: AgentDefinition
  describe(): AgentSpec
}

export interface ActivityOptions {
  readonly agents: readonly WorkerAgent[]
  readonly streams?: StreamSink
  readonly payloads?: PayloadStore
  /** Milliseconds between signs of life: a cancel is seen with the next one. */
  readonly heartbeatInterval: number
  /** Letters of JSON of conversations that are remembered. */
  readonly remember: number
}

type StepActivity = (call: StepCall) => Promise<StepRecord>

/** The activities of the agents, by name. */
export function stepActivities(options: ActivityOptions): { readonly [name: string]: StepActivity } {
  const agents = new Map(options.agents.map((agent) => [agent.name, agent]))
  const specs = specsOf(options.agents.map((agent) => agent.describe()))
  const conversations = new Conversations(options.remember)
  const activity: StepActivity = (call) => new StepExecution(call, { ...options, agents, specs, conversations }).run()
  return Object.fromEntries(
    options.agents.flatMap(({ definition }) => namesOf(definition)).map((name) => [name, activity]),
  )
}

function namesOf({ spec, tools, plugins }: AgentDefinition): string[] {
  const own = spec.tools.filter(({ type }) => type === 'tool').map(({ name }) => name)
  const tasks = plugins.flatMap(({ name, tasks: its = {} }) => Object.keys(its).map((task) => `${name}.${task}`))
  const names = [...own, ...tasks, ...OWN_TASKS].map((name) => activityName(spec.name, { kind: 'tool', name }))
  const inner = [...tools.values()].flatMap(({ agent }) => (agent ? namesOf(agent) : []))
  return [activityName(spec.name, { kind: 'model', name: 'model' }), ...names, ...inner]
}

const OWN_TASKS = ['holdfast.approval', 'holdfast.compact', 'holdfast.reconcile', 'holdfast.start', 'holdfast.started']

/** What all executions of a worker share. */
interface Surroundings extends Omit<ActivityOptions, 'agents'> {
  readonly agents: ReadonlyMap<string, WorkerAgent>
  /** Specs of the agents and their sub-agents, by digest. */
  readonly specs: ReadonlyMap<string, AgentSpec>
  readonly conversations: Conversations
}

/** What a heartbeat says: how many attempts failed, those that were lost not counted. */
interface Progress {
  readonly failed: number
  readonly progress?: Json
}

class StepExecution {
  readonly #call: StepCall
  readonly #around: Surroundings
  readonly #context = Context.current()
  readonly #failed: number

  constructor(call: StepCall, around: Surroundings) {
    this.#call = call
    this.#around = around
    const { heartbeatDetails, attempt } = this.#context.info
    const said = (heartbeatDetails as Progress | undefined)?.failed
    // Nothing was heard of the attempts before: counted as lost workers, but not without end.
    this.#failed = said ?? Math.max(0, attempt - 20)
  }

  async run(): Promise<StepRecord> {
    // Not at once: most steps are over before the first is due, and each costs the server a write.
    const timer = setInterval(() => this.#beat(this.#failed), this.#around.heartbeatInterval)
    try {
      const record = fitting(this.#call.step, await this.#execute())
      if (record.error) throw terminal(record.error.message, record.error.code, record)
      return record
    } catch (error) {
      throw this.#failure(error)
    } finally {
      clearInterval(timer)
    }
  }

  async #execute(): Promise<StepRecord> {
    const call = this.#call
    const agent = this.#around.agents.get(call.root)
    if (call.version !== PROTOCOL || !agent) throw notHere(call)
    const { streams, payloads, specs, conversations } = this.#around
    const owner = this.#owner()
    // While no worker was there the run may have been cancelled, and the workflow has not had its turn yet.
    if (this.#context.info.attempt > 1 && (await isCancelled(call, owner))) throw new CancelledFailure('CANCELLED')
    const registered = specs.get(call.spec)
    const pinned = registered && call.context !== undefined ? undefined : await conversations.pinnedFor(call, owner)
    const { step, messages } = await this.#conversation(owner)
    return executeStep(agent, step, {
      runId: call.runId,
      agent: call.agent,
      spec: registered ?? (pinned?.spec as AgentSpec),
      context: call.context ?? pinned?.context ?? null,
      messages: (base) => messages.slice(0, base.length),
      retries: 'engine',
      attempt: this.#context.info.attempt,
      signal: this.#context.cancellationSignal,
      heartbeat: (details) => this.#beat(this.#failed, details),
      ...(streams && { streams }),
      ...(payloads && { payloads }),
    })
  }

  /** The step with its whole input, and the messages before what is new. */
  async #conversation(owner: Owner): Promise<{ step: StepDescriptor; messages: readonly Message[] }> {
    const { step, held } = this.#call
    if (step.kind !== 'model' && step.name !== 'holdfast.compact') return { step, messages: [] }
    const input = step.input as unknown as { readonly base: Base; readonly append: readonly Message[] }
    const messages = await this.#around.conversations.messagesFor(this.#call, input.base, input.append, owner)
    if (!held) return { step, messages }
    const whole = { ...input, append: messages.slice(input.base.length) } as unknown as Json
    return { step: { ...step, input: whole }, messages }
  }

  #owner(): Owner {
    const { client, info, cancellationSignal } = this.#context
    const { workflowId = '', runId = '' } = info.workflowExecution ?? {}
    return { client, workflowId, runId, signal: cancellationSignal }
  }

  #beat(failed: number, progress?: Json): void {
    const said: Progress = { failed, ...(progress !== undefined && { progress }) }
    this.#context.heartbeat(said)
  }

  /** What the server is to do about a failure. */
  #failure(error: unknown): unknown {
    const { cancellationSignal } = this.#context
    if (cancellationSignal.aborted) {
      const reason = cancellationSignal.reason as CancelledFailure
      if (reason.message !== 'WORKER_SHUTDOWN') return reason
      return ApplicationFailure.create({ type: 'WORKER_SHUTDOWN', message: 'the worker ended', nextRetryDelay: 1 })
    }
    if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error
    const json = errorToJson(error, 'ENGINE_UNAVAILABLE')
    const { step } = this.#call
    const own = isHoldfastError(error) && !isUnknownHere(error.code) && error.code !== 'ENGINE_UNAVAILABLE'
    if (!own) {
      // Nothing was done: another worker may know it, or this one soon.
      const delay = Math.min(500 * 2 ** (this.#context.info.attempt - 1), 10_000)
      return ApplicationFailure.create({
        type: json.code,
        message: json.message,
        nextRetryDelay: delay,
        details: [json],
      })
    }
    const failed = this.#failed + 1
    const { retry } = step.policy
    if (json.kind !== 'retryable' || failed >= (retry?.maxAttempts ?? 1)) {
      return terminal(json.message, json.code, { of: fingerprint(step), error: json })
    }
    this.#beat(failed)
    const { initialInterval = 1_000, backoff = 2, maxInterval = 60_000 } = retry ?? {}
    const delay = json.retryAfter ?? Math.min(initialInterval * backoff ** (failed - 1), maxInterval)
    return ApplicationFailure.create({
      type: json.code,
      message: json.message,
      nextRetryDelay: Math.max(1, delay),
      details: [json],
    })
  }
}

/** An outcome that is a failure: the workflow finds the record in it, and a person the failure. */
function terminal(message: string, type: string, record: StepRecord): ApplicationFailure {
  return ApplicationFailure.create({ message, type, nonRetryable: true, details: [record] })
}

function notHere({ root, version }: StepCall): HoldfastError {
  return new HoldfastError({
    code: 'TOOL_UNKNOWN',
    kind: 'retryable',
    message:
      version === PROTOCOL
        ? `this worker has no agent '${root}'. Add it to new HoldfastPlugin({ agents }).`
        : `this worker has protocol ${PROTOCOL} of Holdfast, and the run has ${version}. Deploy one that knows it.`,
  })
}

/** A record that the server takes. What was done is not denied: a model that is told of a failure would do it again. */
function fitting(step: StepDescriptor, record: StepRecord): StepRecord {
  const size = sizeOf(record)
  if (size <= MAX_PAYLOAD) return record
  const ran = record.error === undefined
  return {
    of: record.of,
    error: {
      code: 'PAYLOAD_TOO_LARGE',
      kind: 'terminal',
      message:
        `step ${step.id} ${ran ? 'was done, and what it gave' : 'failed, and its error'} has ${size} bytes of JSON, and Temporal ` +
        `takes ${MAX_PAYLOAD}: give a reference in its place.`,
      details: { step: step.id, ran, size, limit: MAX_PAYLOAD },
    },
  }
}
