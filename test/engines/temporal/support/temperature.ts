import type { RunResult } from '../../../../src/index.ts'
import { Agent, withInput } from '../../../../src/index.ts'
import type { AgentWorkflowInput } from '../../../../src/plugins/temporal/index.ts'
import { runAgentWorkflow } from '../../../../src/plugins/temporal/index.ts'

/** A hook that chooses the temperature of each model call. */
export async function runWithTemperature(start: AgentWorkflowInput, temperature: number): Promise<RunResult> {
  const agent = new Agent(start.spec).on('BeforeModelCall', (event) => {
    event.step = withInput(event.step, { settings: { temperature } })
  })
  return runAgentWorkflow(agent, start)
}
