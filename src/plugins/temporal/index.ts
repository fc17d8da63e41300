/** Holdfast on Temporal, workflow side: safe in the workflow sandbox. */
export { type TemporalDurabilityOptions, temporalDurabilityPlugin } from './plugin.ts'
export type { AgentWorkflowInput, Carried, TemporalRunOptions, WorkflowResult } from './protocol.ts'
export { agentWorkflow } from './workflow.ts'
export { runAgentWorkflow } from './run-workflow.ts'
