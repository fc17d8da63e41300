/** Names of activities: what people read in traces, and a wire format. */
import type { AgentDefinition, StepDescriptor } from '../../index.ts'

/** `travel.model`, `travel.searchFlights`, `travel.plugin.task`; of a sub-agent's step, with the sub-agent's name. */
export function activityName(agent: string, { kind, name }: Pick<StepDescriptor, 'kind' | 'name'>): string {
  return kind === 'model' ? `${agent}.model` : `${agent}.${name}`
}

const OWN_TASKS = ['holdfast.approval', 'holdfast.compact', 'holdfast.reconcile', 'holdfast.start', 'holdfast.started']

/** All that the steps of an agent, and of its sub-agents, can be called. */
export function activityNames({ spec, tools, plugins }: AgentDefinition): string[] {
  const own = spec.tools.filter(({ type }) => type === 'tool').map(({ name }) => name)
  const tasks = plugins.flatMap(({ name, tasks: its = {} }) => Object.keys(its).map((task) => `${name}.${task}`))
  const names = [...own, ...tasks, ...OWN_TASKS].map((name) => activityName(spec.name, { kind: 'tool', name }))
  const inner = [...tools.values()].flatMap(({ agent }) => (agent ? activityNames(agent) : []))
  return [activityName(spec.name, { kind: 'model', name: 'model' }), ...names, ...inner]
}
