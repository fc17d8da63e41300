/** Holdfast on Dapr Workflow: the plugin, workflows, the worker, and runs. */
export { daprDurabilityPlugin } from './plugin.ts'
export type { AgentWorkflowInput, DaprRunOptions } from './protocol.ts'
export { type DaprRunsOptions, daprRuns } from './runs.ts'
export type { DaprLogger } from './runtime.ts'
export { type DaprWorkflow, daprWorkflow, type WorkerAgent } from './workflow.ts'
export {
  type RegisterOptions,
  registerAgents,
  type SuperviseOptions,
  type Supervisor,
  superviseRuntime,
} from './worker.ts'
