/** The worker's side of a step: one function under the names of all steps of all registered agents. */
import { Context } from '@temporalio/activity'
import { ApplicationFailure, CancelledFailure } from '@temporalio/common'
import type {
  AgentSpec,
  ErrorJson,
  Json,
  Message,
  PayloadStore,
  StepDescriptor,
  StepRecord,
  StreamSink,
} from '../../index.ts'
import type { AgentDefinition, Base } from '../../index.ts'
import { errorToJson, executeStep, fingerprint, HoldfastError, isHoldfastError, recordWithin } from '../../index.ts'
import { Conversations, isCancelled, specsOf } from './conversations.ts'
import type { Owner } from './conversations.ts'
import { wasLost } from './lost.ts'
import { activityName, isUnknownHere } from './names.ts'
import type { NamedRecord, StepCall } from './protocol.ts'
import { NAMING_PROTOCOL, PROTOCOL } from './protocol.ts'

const TOO_LARGE = 'give a reference in its place, or configure ExternalStorage'

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
  /** Bytes of JSON that an outcome may have, as the worker is configured. */
  readonly payloadLimit: () => number
}

type StepActivity = (call: StepCall) => Promise<NamedRecord>

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

/** What a heartbeat says of the attempts so far. */
interface Progress {
  /** In which the step failed. */
  readonly failed: number
  /** Whose worker was lost. */
  readonly lost?: number
  readonly progress?: Json
}

class StepExecution {
  readonly #call: StepCall
  readonly #around: Surroundings
  readonly #context = Context.current()
  readonly #failed: number
  #lost: number
  /** With its whole input, once that is known. */
  #step: StepDescriptor

  constructor(call: StepCall, around: Surroundings) {
    this.#call = call
    this.#around = around
    this.#step = call.step
    const said = this.#context.info.heartbeatDetails as Progress | undefined
    this.#failed = said?.failed ?? 0
    this.#lost = said?.lost ?? 0
  }

  async run(): Promise<NamedRecord> {
    // Not at once: most steps are over before the first is due, and each costs the server a write.
    const timer = setInterval(() => this.#beat(), this.#around.heartbeatInterval)
    try {
      await this.#countLost()
      const record = recordWithin(this.#step, await this.#execute(), this.#around.payloadLimit(), TOO_LARGE)
      if (record.error) throw terminal(record.error.message, record.error.code, record)
      return this.#around.conversations.name(this.#step, record)
    } catch (error) {
      throw this.#failure(error)
    } finally {
      clearInterval(timer)
    }
  }

  /**
   * Again and again is not for ever: what a step does to its workers it would do to the next one, and to all else that runs
   * there.
   */
  async #countLost(): Promise<void> {
    const { client, info } = this.#context
    if (info.attempt === 1 || !(await wasLost(client, info))) return
    this.#lost++
    const { step, parkAfter = 3 } = this.#call
    if (this.#lost >= parkAfter) throw parked(step, this.#lost)
    // The server has it before anything is done: what comes may end this process on the spot.
    await client.activity.heartbeat(info.taskToken, this.#said())
  }

  #said(): Progress {
    return { failed: this.#failed, ...(this.#lost > 0 && { lost: this.#lost }) }
  }

  async #execute(): Promise<StepRecord> {
    const call = this.#call
    const agent = this.#around.agents.get(call.root)
    if (!agent || (call.version !== PROTOCOL && call.version !== NAMING_PROTOCOL)) throw notHere(call)
    const { specs, conversations } = this.#around
    const { streams = agent.definition.streams, payloads = agent.definition.payloads } = this.#around
    const owner = this.#owner()
    // While no worker was there the run may have been cancelled, and the workflow has not had its turn yet.
    if (this.#context.info.attempt > 1 && (await isCancelled(call, owner))) throw new CancelledFailure('CANCELLED')
    const registered = specs.get(call.spec)
    const pinned = registered && call.context !== undefined ? undefined : await conversations.pinnedFor(call, owner)
    const messages = await this.#conversation(owner)
    return executeStep(agent, this.#step, {
      runId: call.runId,
      agent: call.agent,
      spec: registered ?? (pinned?.spec as AgentSpec),
      context: call.context ?? pinned?.context ?? null,
      messages: (base) => messages.slice(0, base.length),
      retries: 'engine',
      attempt: this.#context.info.attempt,
      signal: this.#context.cancellationSignal,
      heartbeat: (details) => this.#beat({ progress: details }),
      ...(streams && { streams }),
      ...(payloads && { payloads }),
    })
  }

  /** The messages; with them the step's input is whole. */
  async #conversation(owner: Owner): Promise<readonly Message[]> {
    const { step, held, named } = this.#call
    if (step.kind !== 'model' && step.name !== 'holdfast.compact') return []
    const input = step.input as unknown as { readonly base: Base; readonly append: readonly Message[] }
    const messages = await this.#around.conversations.messagesFor(this.#call, input.base, input.append, owner)
    if (held || named) {
      this.#step = { ...step, input: { ...input, append: messages.slice(input.base.length) } as unknown as Json }
    }
    return messages
  }

  #owner(): Owner {
    const { client, info, cancellationSignal } = this.#context
    const { workflowId = '', runId = '' } = info.workflowExecution ?? {}
    return { client, workflowId, runId, signal: cancellationSignal }
  }

  #beat(more: { readonly [K in keyof Progress]?: Progress[K] | undefined } = {}): void {
    this.#context.heartbeat({ ...this.#said(), ...more })
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
    const step = this.#step
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
    this.#beat({ failed })
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

function parked(step: StepDescriptor, lost: number): ApplicationFailure {
  const error: ErrorJson = {
    code: 'RUN_PARKED',
    kind: 'terminal',
    message:
      `step ${step.id} lost its worker ${lost} times: each was killed, or said nothing for too long. The run is parked. Look ` +
      'for what ends the workers, then let it go on: temporalRuns(client).unpark(runId).',
    details: { step: step.id, lost },
  }
  return ApplicationFailure.create({ message: error.message, type: error.code, nonRetryable: true, details: [error] })
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
