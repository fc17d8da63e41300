/** The SDK's executor of workflows, driven by hand: a history that grows turn by turn, and its replays. */
import { createRequire } from 'node:module'
import { LiveRuns } from '../../../../src/plugins/dapr/live-runs.ts'
import type { TurnRequest } from '../../../../src/plugins/dapr/turns.ts'
import { Turns } from '../../../../src/plugins/dapr/turns.ts'

const require = createRequire(import.meta.url)
const internal = '@dapr/dapr/workflow/internal/durabletask'
const { OrchestrationExecutor } = require(`${internal}/worker/orchestration-executor.js`)
const { Registry } = require(`${internal}/worker/registry.js`)
const { OrchestratorRequest, OrchestrationStatus } = require(`${internal}/proto/orchestrator_service_pb.js`)
const CONTINUED = OrchestrationStatus.ORCHESTRATION_STATUS_CONTINUED_AS_NEW
const helper = require(`${internal}/utils/pb-helper.util.js`)
const { Logger } = require('@dapr/dapr/logger/Logger.js')

/** The SDK's logs are of no use here. */
export function quiet(): void {
  for (const level of ['info', 'warn', 'error']) Logger.prototype[level] = () => {}
}

export interface Action {
  readonly id: number
  readonly kind: 'activity' | 'timer'
  /** Of an activity. */
  readonly name?: string
  readonly input?: unknown
}

export interface Event {
  readonly history: unknown
  /** The action that it ends. */
  readonly of?: number
}

interface Turn {
  readonly events: readonly unknown[]
  /** What the workflow asked for in it; `undefined`: it was not heard. */
  readonly actions: unknown
}

export class Execution {
  readonly turns: Turn[] = []
  readonly #registry = new Registry()
  /** What stays in memory of it, in the process that has its turns. */
  live: LiveRuns | undefined
  readonly #instance: string
  #open: Action[] = []
  #result: unknown
  #status = ''

  /** @param live has turns, not replays, go on with what stays in memory */
  constructor(workflow: (context: unknown) => unknown, live?: LiveRuns, instance = 'one') {
    this.live = live
    this.#instance = instance
    this.#registry.addNamedOrchestrator('test', workflow)
  }

  get open(): readonly Action[] {
    return this.#open
  }

  get status(): string {
    return this.#status
  }

  get result(): unknown {
    return this.#result
  }

  /** Of the activities of a name that are open the first ones, all unless said otherwise, never come back. */
  forget(name: string, count = Number.POSITIVE_INFINITY): void {
    let left = count
    this.#open = this.#open.filter((action) => action.name !== name || left-- <= 0)
  }

  /** A turn whose answer daprd did not hear: it did not happen. */
  async giveUp(events: readonly Event[]): Promise<void> {
    const history = [helper.newOrchestratorStartedEvent(new Date(-1)), ...events.map((event) => event.history)]
    await this.#execute(this.#past(this.turns.length), history, this.live)
  }

  /**
   * A turn whose answer is not that of the workflow: a worker held it, or it ended by the answer of the turn before it, which
   * came twice.
   */
  lose(events: readonly Event[], { twice = false } = {}): void {
    const ended = new Set(events.map(({ of }) => of))
    this.#open = this.#open.filter(({ id }) => !ended.has(id))
    const before = this.turns.at(-1)?.events ?? []
    this.turns.push({
      events: [this.#begin(), ...events.map(({ history }) => history), ...(twice ? before.filter(isScheduled) : [])],
      actions: undefined,
    })
  }

  /** @param time when it begins, in milliseconds; a second after the one before unless said otherwise */
  async turn(events: readonly Event[], time?: number): Promise<void> {
    const ended = new Set(events.map(({ of }) => of))
    const history = [this.#begin(time), ...events.map((event) => event.history)]
    if (this.turns.length === 0) history.push(helper.newExecutionStartedEvent('test', 'one', JSON.stringify({})))
    const actions = await this.#execute(this.#past(this.turns.length), history, this.live)
    this.#open = this.#open.filter(({ id }) => !ended.has(id))
    const scheduled = []
    for (const action of actions) {
      const id = action.getId()
      if (action.hasScheduletask()) {
        const task = action.getScheduletask()
        this.#open.push({ id, kind: 'activity', name: task.getName(), input: JSON.parse(task.getInput().getValue()) })
        scheduled.push(helper.newTaskScheduledEvent(id, action.getScheduletask().getName()))
      } else if (action.hasCreatetimer()) {
        this.#open.push({ id, kind: 'timer' })
        scheduled.push(helper.newTimerCreatedEvent(id, new Date(0)))
      } else if (action.hasCompleteorchestration()) {
        const end = action.getCompleteorchestration()
        const failure = end.getFailuredetails()
        const output = JSON.parse(end.getResult()?.getValue() ?? 'null')
        if (failure) this.#result = { failure: failure.getErrormessage() }
        else this.#result = end.getOrchestrationstatus() === CONTINUED ? { continued: output } : { output }
      }
    }
    this.turns.push({ events: [...history, ...scheduled], actions: actions.map(plain) })
  }

  /** What a new process asks for in the turn of that number, having replayed those before. */
  async replay(turns: number): Promise<unknown> {
    const asked = this.turns[turns - 1]?.events ?? []
    const own = asked.filter((event) => !isScheduled(event))
    return (await this.#execute(this.#past(turns - 1), own)).map(plain)
  }

  #begin(time: number = 1_000 * this.turns.length): unknown {
    return helper.newOrchestratorStartedEvent(new Date(time))
  }

  #past(turns: number): unknown[] {
    return this.turns.slice(0, turns).flatMap(({ events }) => events)
  }

  // biome-ignore lint/suspicious/noExplicitAny: the SDK's messages have no types that can be imported
  async #execute(past: readonly unknown[], coming: readonly unknown[], live = new LiveRuns()): Promise<any[]> {
    const request = new OrchestratorRequest()
    request.setInstanceid(this.#instance)
    request.setPasteventsList([...past])
    request.setNeweventsList([...coming])
    let given: unknown[] = []
    const turns = new Turns(() => {})
    // As a worker does it.
    await turns.take(request, { completeOrchestratorTask() {} }, async () => {
      const executor = new OrchestrationExecutor(this.#registry)
      const item = [this.#instance, request.getPasteventsList(), request.getNeweventsList()]
      const work = (): Promise<{ actions: unknown[]; customStatus: string }> => executor.execute(...item)
      const result = await live.run(work)
      given = result.actions
      this.#status = result.customStatus
    })
    return given
  }
}

function plain(action: { toObject(): unknown }): unknown {
  return action.toObject()
}

function isScheduled(event: unknown): boolean {
  const its = event as { hasTaskscheduled(): boolean; hasTimercreated(): boolean }
  return its.hasTaskscheduled() || its.hasTimercreated()
}

export function completed(id: number, output: unknown): Event {
  return { history: helper.newTaskCompletedEvent(id, JSON.stringify(output)), of: id }
}

export function failed(id: number, message: string): Event {
  return { history: helper.newTaskFailedEvent(id, new Error(message)), of: id }
}

export function fired(id: number): Event {
  return { history: helper.newTimerFiredEvent(id, new Date(0)), of: id }
}

export function raised(name: string, payload: unknown): Event {
  return { history: helper.newEventRaisedEvent(name, JSON.stringify(payload)) }
}

/** An item of work about a turn that so many events were before. */
export function item(instance: string, past: number, execution = 'first'): TurnRequest {
  const start = helper.newExecutionStartedEvent('test', instance, '{}')
  start.setTimestamp(helper.newOrchestratorStartedEvent(new Date(execution.length)).getTimestamp())
  const later = Array.from({ length: Math.max(0, past - 1) }, () => helper.newOrchestratorStartedEvent(new Date(0)))
  const request = new OrchestratorRequest()
  request.setInstanceid(instance)
  request.setPasteventsList(past > 0 ? [start, ...later] : [])
  request.setNeweventsList(past > 0 ? [helper.newOrchestratorStartedEvent(new Date(0))] : [start])
  return request
}
