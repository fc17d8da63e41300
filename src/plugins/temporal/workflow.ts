/** The ready-made workflow: an agent from its spec, nothing of the app in the sandbox. Each export is a workflow. */
import { Agent } from '../../index.ts'
import type { AgentWorkflowInput, WorkflowResult } from './protocol.ts'
import { runAgentWorkflow } from './run-workflow.ts'

/** Runs the agent that `start.spec` describes. Its result is what `temporalRuns(client).get(runId).result()` gives. */
export async function agentWorkflow(start: AgentWorkflowInput): Promise<WorkflowResult> {
  return runAgentWorkflow(new Agent(start.spec), start)
}
