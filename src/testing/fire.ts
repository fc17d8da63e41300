/** One hook alone: an event made for it, and what it made of the event. */
import type { AgentDefinition } from '../definition.ts'
import { HoldfastError } from '../errors.ts'
import { callHook } from '../hooks/hook-bus.ts'
import type { Hook, HookEvents, HookName, HookRun, StepOutcome } from '../hooks/events.ts'
import type { Json } from '../json.ts'
import { fromJson, toJson } from '../json.ts'
import { orderPlugins } from '../loop/order.ts'
import type { Usage } from '../message.ts'
import type { AgentPlugin } from '../plugin.ts'
import type { RunInfo } from '../run-info.ts'
import type { Step } from '../step.ts'
import type { StepKind } from '../step-kinds.ts'
import type { FireOptions } from './fire-step.ts'
import { perform, stepOf, taskStep } from './fire-step.ts'

/** What hooks asked for and decided. */
export interface Fired {
  /** The reason that a hook gave to `denyStep`. */
  readonly denied?: string
  /** The reason that a hook gave to `cancelRun`. */
  readonly cancelled?: string
  /** A hook called `retry()`. */
  readonly retried: boolean
  /** A hook waits for an answer that was not given. */
  readonly suspended: boolean
  /** In order, e.g. `interrupt budget`, `task budget.prices`, `sleep 5s`. */
  readonly asked: readonly string[]
  /** Plugins that put something into `event.step`. */
  readonly touched: readonly string[]
}

export type FiredEvent<N extends HookName> = HookEvents[N] & Fired

const KINDS: { readonly [N in HookName]: StepKind } = {
  BeforeInvocation: 'agent',
  AfterInvocation: 'agent',
  BeforeModelCall: 'model',
  AfterModelCall: 'model',
  BeforeToolCall: 'tool',
  AfterToolCall: 'tool',
  BeforeWait: 'wait',
  AfterWait: 'wait',
  BeforeAgentCall: 'agent',
  AfterAgentCall: 'agent',
  BeforeTask: 'task',
  AfterTask: 'task',
  MessageAdded: 'task',
}

/** Call the hooks of one event, in the loop's order. @param states each plugin's JSON, kept between events */
export async function fireHook<N extends HookName>(
  definition: AgentDefinition,
  states: Map<string, unknown>,
  name: N,
  options: FireOptions = {},
): Promise<FiredEvent<N>> {
  const step = stepOf(definition, KINDS[name], options)
  const event = new FiredState(step, options)
  const plugins = orderPlugins(definition.plugins)
  for (const plugin of name.startsWith('After') ? plugins.toReversed() : plugins) {
    const hook = plugin.hooks?.[name] as Hook<HookName> | undefined
    if (!hook || plugin.durability) continue
    const before = event.step
    try {
      await callHook(plugin.name, name, hook, viewOf(event, plugin, definition, states, options) as never)
    } catch (error) {
      if (!event.suspended) throw error
    }
    if (event.step !== before) event.touched.push(plugin.name)
    if (event.suspended) break
  }
  const view = viewOf(event, undefined, definition, states, options)
  return Object.assign(Object.create(null), own(view), own(event)) as FiredEvent<N>
}

class FiredState implements Fired {
  step: Step
  denied?: string
  cancelled?: string
  retried = false
  suspended = false
  readonly asked: string[] = []
  readonly touched: string[] = []
  readonly outcome: StepOutcome<StepKind>

  constructor(step: Step, { outcome, output }: FireOptions) {
    this.step = step
    this.outcome = outcome ?? { status: 'ok', output: (output ?? null) as never }
  }
}

/** Getters as values: what is looked at afterwards does not change any more. */
function own(object: object): object {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}

function viewOf(
  state: FiredState,
  plugin: AgentPlugin | undefined,
  definition: AgentDefinition,
  states: Map<string, unknown>,
  options: FireOptions,
): object {
  const { message, index = 0, status = 'completed', error, answers = {}, toolCallId = 'call-1-0' } = options
  const name = plugin?.name ?? ''
  return {
    get step() {
      return state.step
    },
    set step(step: Step) {
      state.step = step
    },
    outcome: state.outcome,
    run: runOf(definition, states, name, options),
    message: message ?? { role: 'user', content: [{ type: 'text', text: 'go' }] },
    index,
    status,
    error,
    toolCallId,
    cancelRun: (reason: string) => {
      state.cancelled ??= reason
    },
    denyStep: (reason: string) => {
      state.denied ??= reason
    },
    retry: () => {
      state.retried = true
    },
    interrupt: async (request: { readonly name: string }) => {
      state.asked.push(`interrupt ${request.name}`)
      if (Object.hasOwn(answers, request.name)) return answers[request.name]
      state.suspended = true
      throw new HoldfastError({ code: 'SUSPENDED', kind: 'suspended', message: `no answer to '${request.name}'` })
    },
    sleep: async (duration: number | string) => {
      state.asked.push(`sleep ${duration}`)
    },
    task: async (task: string, input?: unknown) => {
      state.asked.push(`task ${name}.${task}`)
      const json = toJson(input ?? null, `task '${task}' of plugin '${name}'`)
      return fromJson((await perform(definition, taskStep(name, task, json), options)) as Json)
    },
  }
}

function runOf(
  definition: AgentDefinition,
  states: Map<string, unknown>,
  plugin: string,
  { run = {} }: FireOptions,
): HookRun {
  const { runId = 'run-1', turn = 1, context = null, messages = [], usage = {} as Usage } = run
  const { spec } = definition
  const info: RunInfo = {
    runId,
    agent: spec.name,
    spec,
    context,
    messages: ({ length }) => messages.slice(0, length),
    onWait: 'return',
    opened: () => {},
    signal: new AbortController().signal,
    cancel: () => {},
  }
  return {
    runId,
    agent: spec.name,
    turn,
    context,
    messages,
    usage,
    get state() {
      return states.get(plugin)
    },
    set state(value) {
      states.set(plugin, value)
    },
    compact: () => {},
    info,
  }
}
