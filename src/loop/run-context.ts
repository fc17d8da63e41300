/** What the loop keeps while a run goes on: of the run as a whole, and of each agent in it. None of it outlives the run. */
import type { AgentDefinition } from '../definition.ts'
import { HoldfastError } from '../errors.ts'
import type { HookRun, Hooks, StepOutcome } from '../hooks/events.ts'
import { HookBus } from '../hooks/hook-bus.ts'
import type { Json } from '../json.ts'
import { deepFreeze, fromJson, toJson } from '../json.ts'
import type { RunState } from '../machine.ts'
import { PromptMemory } from '../model/prompt-memory.ts'
import type { AgentEvent } from '../observe.ts'
import type { AgentPlugin, DurabilityPort } from '../plugin.ts'
import type { RunInfo, StepScope } from '../run-info.ts'
import type { ExecuteContext } from '../execute/context.ts'
import { Seq } from './seq.ts'
import type { OpenWait, StepKind } from '../step-kinds.ts'
import type { StepDescriptor, StepRecord } from '../step.ts'
import { fingerprint } from '../step.ts'
import { Cancellation } from '../execute/stop.ts'
import type { PayloadStore, StreamChunk, StreamSink } from '../stream.ts'

export type EventBody = AgentEvent extends infer E
  ? E extends AgentEvent
    ? Omit<E, 'id' | 'phase' | 'agent'>
    : never
  : never

/** The journal of a run without an engine: a step's outcome with the step, or the output of a wait as JSON. */
type Kept = { readonly step: StepDescriptor; readonly record: Omit<StepRecord, 'of'> } | { readonly json: Json }

export interface RunSetup {
  readonly runId: string
  readonly context: Json
  readonly onWait: 'return' | 'block'
  readonly definition: AgentDefinition
  readonly onChunk?: (chunk: StreamChunk) => void
  readonly onEvent?: (event: AgentEvent) => void
}

/** One run, sub-agents included. */
export class RunContext {
  readonly runId: string
  readonly context: Json
  readonly onWait: 'return' | 'block'
  readonly port: DurabilityPort | undefined
  /** Whether a worker executes the steps: this process sees none of them run. */
  readonly byName: boolean
  /** The durability plugin's name and hooks: the seams, called before all others. */
  readonly durableName: string
  readonly durable: Hooks
  readonly scope: StepScope | undefined
  readonly cancellation: Cancellation = new Cancellation()
  /** Where chunks and large payloads go: the engine's place, or else the agent's. */
  readonly streams: StreamSink | undefined
  readonly payloads: PayloadStore | undefined
  readonly onChunk: ((chunk: StreamChunk) => void) | undefined
  readonly observers: readonly Pick<AgentPlugin, 'observe' | 'observeReplay'>[]
  /** Waits that nobody has answered: why the run is suspended. */
  openWaits: OpenWait[] = []
  readonly #kept = new Map<string, Kept>()
  #cancelledHere = false
  #live: boolean

  constructor(setup: RunSetup) {
    this.runId = setup.runId
    this.context = setup.context
    this.onWait = setup.onWait
    this.onChunk = setup.onChunk
    const { definition } = setup
    const durability = definition.plugins.find((plugin) => plugin.durability)
    this.port = durability?.durability
    this.byName = this.port?.dispatch === 'name'
    this.#live = !this.port
    this.durableName = durability?.name ?? ''
    this.durable = durability?.hooks ?? {}
    this.scope = this.durable.scope
    this.streams = this.port?.streams ?? definition.streams
    this.payloads = this.port?.payloads ?? definition.payloads
    const { onEvent } = setup
    this.observers = [
      ...definition.plugins.filter(({ observe }) => observe),
      ...(onEvent ? [{ observe: onEvent, observeReplay: true }] : []),
    ]
  }

  /** An engine by name says itself whether it replays; with one by closure the replay ends with the first step that runs. */
  get phase(): 'live' | 'replay' {
    if (this.byName) return this.port?.isReplaying?.() ? 'replay' : 'live'
    return this.#live ? 'live' : 'replay'
  }

  wentLive(): void {
    this.#live = true
  }

  /** A hook cancels the run: on replay at the same place. */
  cancelHere(reason: string): void {
    this.#cancelledHere = true
    this.cancellation.cancel(reason)
  }

  /**
   * Why the run is to stop now. A cancel from outside waits until what is recorded is replayed: of a run that was cancelled
   * while nobody ran it, nothing that it had is lost.
   */
  get cancelled(): HoldfastError | undefined {
    return this.#cancelledHere || this.phase === 'live' ? this.cancellation.error : undefined
  }

  kept(id: string): Json | undefined {
    const kept = this.#kept.get(id)
    return kept && keptAsJson(kept)
  }

  keep(id: string, json: Json): void {
    this.#kept.set(id, { json })
  }

  keepRecord(id: string, step: StepDescriptor, record: Omit<StepRecord, 'of'>): void {
    this.#kept.set(id, { step, record })
  }

  forget(): void {
    this.#kept.clear()
  }

  /** All that is kept, as the state has it: with fingerprints, which only a state that leaves the process needs. */
  keptJson(): { [id: string]: Json } {
    return Object.fromEntries([...this.#kept].map(([id, kept]) => [id, keptAsJson(kept)]))
  }
}

function keptAsJson(kept: Kept): Json {
  return 'json' in kept ? kept.json : ({ of: fingerprint(kept.step), ...kept.record } as unknown as Json)
}

/** What became of a step of a batch. */
export type ItemOutcome<K extends StepKind = StepKind> =
  | StepOutcome<K>
  | { readonly status: 'denied'; readonly reason: string }

/** One agent of a run: the run's own, or an inline sub-agent. */
export class Frame {
  readonly run: RunContext
  readonly definition: AgentDefinition
  readonly bus: HookBus
  readonly info: RunInfo
  /** What events of this agent are told under: the run's id, with a sub-agent's step id behind it. */
  readonly eventRunId: string
  readonly seq: Seq
  state: RunState
  /** Each plugin's own JSON, as its hooks have it right now. */
  plugins: Record<string, unknown>
  /** Messages that MessageAdded was told of. */
  told: number
  /** What the passes over the hooks of the present batch have already: outcomes of tasks, answers of waits, by id. */
  readonly memo: Map<string, Json> = new Map()
  /** Outcomes of the present batch, by step id: what is known of it where the rest of it is cancelled. */
  readonly settled: Map<string, ItemOutcome> = new Map()
  /** Waits that were asked for and are not known to be open yet: to be called when they are. */
  readonly openings: Map<string, (phase: 'live' | 'replay') => void> = new Map()
  /** What the execution of its steps is given, where it is done in this process. */
  readonly execution: ExecuteContext
  readonly #views = new Map<string, HookRun>()

  constructor(run: RunContext, definition: AgentDefinition, bus: HookBus, state: RunState) {
    this.run = run
    this.definition = definition
    this.bus = bus
    this.state = state
    this.seq = new Seq(state.events)
    this.plugins = {}
    this.restorePlugins(state.plugins)
    this.told = state.begun ? state.messages.length : state.given
    this.eventRunId = state.path === '' ? run.runId : `${run.runId}/${state.path.slice(0, -1)}`
    this.info = {
      runId: run.runId,
      agent: state.spec.name,
      spec: state.spec,
      context: run.context,
      messages: (base) => this.state.messages.slice(0, base.length),
      onWait: run.onWait,
      opened: (waitId) => this.opened(waitId),
      signal: run.cancellation.signal,
      cancel: (reason) => run.cancellation.cancel(reason),
    }
    this.execution = {
      runId: run.runId,
      spec: state.spec,
      context: run.context,
      messages: this.info.messages,
      conversation: () => this.state.messages,
      prompts: new PromptMemory(),
      retries: run.port?.supports.retries ? 'engine' : 'here',
      onStop: run.cancellation.onStop,
      ...(run.streams && { streams: run.streams }),
      ...(run.payloads && { payloads: run.payloads }),
      ...(run.onChunk && { onChunk: run.onChunk }),
    }
  }

  /** A wait is open, whether since now or since before a crash: somebody is waited for. */
  opened(waitId: string): void {
    this.run.wentLive()
    this.openings.get(waitId)?.('live')
  }

  /** The run as the hooks of one plugin see it. */
  viewFor(plugin: string): HookRun {
    const known = this.#views.get(plugin)
    if (known) return known
    const view = new RunView(this, plugin)
    this.#views.set(plugin, view)
    return view
  }

  /** As `copyPlugins` gave them. What hooks then change is no one else's. */
  restorePlugins(plugins: { readonly [name: string]: Json }): void {
    this.plugins = Object.fromEntries(Object.entries(plugins).map(([name, state]) => [name, fromJson(state)]))
  }

  /** The plugins' JSON, a copy. `NOT_JSON` names the plugin that put something else there. */
  copyPlugins(): Record<string, Json> {
    const copy: Record<string, Json> = {}
    for (const [name, state] of Object.entries(this.plugins)) {
      if (state !== undefined) copy[name] = toJson(state, `run.state of plugin '${name}'`)
    }
    return copy
  }

  /** The whole state as plain JSON, complete. */
  snapshot(status: RunState['status'] = this.state.status): RunState {
    const waiting = status === 'waiting'
    return {
      ...this.state,
      status,
      events: this.seq.count,
      plugins: this.copyPlugins(),
      waits: waiting ? this.run.openWaits : [],
      kept: waiting && !this.run.port ? this.run.keptJson() : {},
    }
  }

  /** Whether anybody observes: where nobody does, events need not be made. */
  get observed(): boolean {
    return this.run.observers.length > 0
  }

  /** Tell the observers. What they throw is theirs. */
  tell(body: EventBody, phase: 'live' | 'replay' = this.run.phase, seq: Seq = this.seq): void {
    if (!this.observed) return
    const id = { runId: this.eventRunId, seq: seq.next() }
    const event = { ...body, id, phase, agent: this.state.spec.name } as AgentEvent
    for (const { observe, observeReplay } of this.run.observers) {
      if (phase === 'replay' && !observeReplay) continue
      try {
        observe?.(event)
      } catch {
        // An observer has no say in the run.
      }
    }
  }

  /** @throws `CANCELLED` once the run is cancelled */
  checkCancelled(): void {
    const { cancelled } = this.run
    if (cancelled) throw cancelled
  }
}

/** A class, since it is made for each run: accessors in an object literal are slow, and hold its run until a full collection. */
class RunView implements HookRun {
  readonly #frame: Frame
  readonly #plugin: string
  readonly runId: string
  readonly agent: string
  readonly context: Json
  readonly info: RunInfo

  constructor(frame: Frame, plugin: string) {
    this.#frame = frame
    this.#plugin = plugin
    this.runId = frame.run.runId
    this.agent = frame.state.spec.name
    this.context = frame.run.context
    this.info = frame.info
  }

  get turn(): number {
    const { turn, phase } = this.#frame.state
    return turn + (phase.type === 'model' ? 1 : 0)
  }

  get messages(): RunState['messages'] {
    return deepFreeze(this.#frame.state.messages)
  }

  get usage(): RunState['usage'] {
    return this.#frame.state.usage
  }

  get state(): unknown {
    return this.#frame.plugins[this.#plugin]
  }

  set state(value: unknown) {
    this.#frame.plugins[this.#plugin] = value
  }

  readonly compact = (): void => {
    this.#frame.state = { ...this.#frame.state, compacting: true }
  }
}

const buses = new WeakMap<AgentDefinition, HookBus>()

/** The bus of an agent: made once, shared by its runs. */
export function busOf(definition: AgentDefinition): HookBus {
  let bus = buses.get(definition)
  if (!bus) {
    bus = new HookBus(definition.plugins)
    buses.set(definition, bus)
  }
  return bus
}

/** The error that takes a run out of the loop until its waits are answered. */
export function suspended(waits: readonly OpenWait[]): HoldfastError {
  return new HoldfastError({
    code: 'SUSPENDED',
    kind: 'suspended',
    message: `the run waits for ${waits.map(({ id }) => id).join(', ')}: answer it, and let this error pass`,
  })
}
