/** What a run did, in order: hooks with the plugins that they are of, wrappers, steps, middleware. No times. */
import type { AgentDefinition } from '../definition.ts'
import type { Hook, HookEvents, HookName, Hooks } from '../hooks/events.ts'
import type { AgentEvent } from '../observe.ts'
import type { AgentPlugin, StepMiddleware } from '../plugin.ts'
import type { Step } from '../step.ts'
import { executionId } from '../step.ts'

export type TraceEntry =
  | { readonly type: 'hook'; readonly hook: HookName; readonly plugin: string; readonly step?: string }
  /** What a plugin put around a step begins. */
  | { readonly type: 'wrapper'; readonly plugin: string; readonly step: string }
  /** With phase `replay` it was found in the record, and nothing was done. */
  | { readonly type: 'step'; readonly step: string; readonly phase: AgentEvent['phase'] }
  | { readonly type: 'wait'; readonly step: string; readonly phase: AgentEvent['phase'] }
  | { readonly type: 'middleware'; readonly plugin: string; readonly step: string }
  | { readonly type: 'run'; readonly what: string }
  | { readonly type: 'crash'; readonly at: string }

/** A line for each entry, e.g. `BeforeToolCall 1/tool/0/search [budget]`: for a snapshot that people read. */
export function formatTrace(trace: readonly TraceEntry[]): string {
  return trace.map(formatEntry).join('\n')
}

function formatEntry(entry: TraceEntry): string {
  switch (entry.type) {
    case 'hook':
      return `${entry.hook}${entry.step === undefined ? '' : ` ${entry.step}`} [${entry.plugin}]`
    case 'wrapper':
    case 'middleware':
      return `${entry.type} ${entry.step} [${entry.plugin}]`
    case 'step':
    case 'wait':
      return `${entry.type} ${entry.step}${entry.phase === 'replay' ? ' (replayed)' : ''}`
    case 'run':
      return `run ${entry.what}`
    case 'crash':
      return `crash ${entry.at}`
  }
}

/** An agent's definition whose plugins, and those of its sub-agents, tell the trace what they do. */
export function tracedDefinition(definition: AgentDefinition, tell: (entry: TraceEntry) => void): AgentDefinition {
  const tools = [...definition.tools].map(([name, tool]): [string, typeof tool] => [
    name,
    tool.agent ? { ...tool, agent: tracedDefinition(tool.agent, tell) } : tool,
  ])
  return { ...definition, tools: new Map(tools), plugins: definition.plugins.map((plugin) => traced(plugin, tell)) }
}

/** A plugin that tells what it does. The durable part of one is as it was. */
export function traced(plugin: AgentPlugin, tell: (entry: TraceEntry) => void): AgentPlugin {
  if (plugin.durability) return plugin
  const { name, hooks, middleware } = plugin
  return {
    ...plugin,
    ...(plugin.observe && { observe: (event: AgentEvent) => plugin.observe?.(event) }),
    ...(plugin.dispose && { dispose: async () => plugin.dispose?.() }),
    ...(hooks && { hooks: tracedHooks(name, hooks, tell) }),
    ...(middleware && { middleware: tracedMiddleware(name, middleware, tell) }),
  }
}

/** Tells the trace of the steps themselves: a plugin for one run. */
export function stepTrace(tell: (entry: TraceEntry) => void): AgentPlugin {
  return {
    name: 'trace',
    observeReplay: true,
    observe(event) {
      const { phase } = event
      if (event.type === 'step-started' && event.step.kind !== 'agent') {
        tell({ type: 'step', step: executionId(event.step), phase })
      } else if (event.type === 'wait-opened') tell({ type: 'wait', step: event.waitId, phase })
      else if (event.type === 'run-started') tell({ type: 'run', what: 'started' })
      else if (event.type === 'run-finished') tell({ type: 'run', what: event.status })
    },
  }
}

function tracedHooks(plugin: string, hooks: Hooks, tell: (entry: TraceEntry) => void): Hooks {
  const entries = Object.entries(hooks).map(([name, hook]) => {
    if (name === 'scope') return [name, hook]
    return [name, tracedHook(plugin, name as HookName, hook as Hook<HookName>, tell)]
  })
  return Object.fromEntries(entries) as Hooks
}

function tracedHook(
  plugin: string,
  hook: HookName,
  call: Hook<HookName>,
  tell: (entry: TraceEntry) => void,
): Hook<HookName> {
  return async (event) => {
    const holder = event as { step?: Step }
    const before = holder.step
    tell({ type: 'hook', hook, plugin, ...(before && { step: before.id }) })
    await call(event as HookEvents[HookName])
    const after = holder.step
    if (!after || after === before || after.run === before?.run) return
    // The wrapper itself is told of: it begins where it is called.
    holder.step = {
      ...after,
      run: (context) => {
        tell({ type: 'wrapper', plugin, step: after.id })
        return after.run(context)
      },
    }
  }
}

function tracedMiddleware(
  plugin: string,
  { model, tool, task }: StepMiddleware,
  tell: (entry: TraceEntry) => void,
): StepMiddleware {
  const around =
    <R extends { readonly stepId: string; readonly execution: number }, T>(
      layer: (request: R, next: (request: R) => Promise<T>) => Promise<T>,
    ) =>
    (request: R, next: (request: R) => Promise<T>): Promise<T> => {
      tell({ type: 'middleware', plugin, step: executionId({ id: request.stepId, execution: request.execution }) })
      return layer(request, next)
    }
  return {
    ...(model && { model: around(model) }),
    ...(tool && { tool: around(tool) }),
    ...(task && { task: around(task) }),
  }
}
