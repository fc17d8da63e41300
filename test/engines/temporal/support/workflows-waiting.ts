/** Workflows of agents whose hooks wait, and the ready-made one. */
import type { RunResult } from '../../../../src/index.ts'
import { Agent } from '../../../../src/index.ts'
import type { AgentWorkflowInput } from '../../../../src/plugins/temporal/index.ts'
import { runAgentWorkflow } from '../../../../src/plugins/temporal/index.ts'

export { agentWorkflow } from '../../../../src/plugins/temporal/workflow.ts'

/** A hook that sleeps before each tool call. */
export async function sleepingWorkflow(start: AgentWorkflowInput): Promise<RunResult> {
  const agent = new Agent(start.spec).on('BeforeToolCall', async (event) => {
    await event.sleep('1s')
  })
  return runAgentWorkflow(agent, start)
}

/** A hook that asks a person before each turn but the first: where a run is handed over to a new workflow run. */
export async function askingWorkflow(start: AgentWorkflowInput): Promise<RunResult> {
  const agent = new Agent(start.spec).on('BeforeModelCall', async (event) => {
    if (event.run.turn > 1) await event.interrupt({ name: 'go-on' })
  })
  return runAgentWorkflow(agent, start)
}
