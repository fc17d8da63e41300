/** The workflows of the tests: the ready-made one, and those of agents with hooks. */
import type { RunResult } from '../../../../src/index.ts'
import { Agent, withInput, wrapStep } from '../../../../src/index.ts'
import type { AgentWorkflowInput } from '../../../../src/plugins/temporal/index.ts'
import { runAgentWorkflow } from '../../../../src/plugins/temporal/index.ts'
import { runWithTemperature } from './temperature.ts'

export { agentWorkflow } from '../../../../src/plugins/temporal/workflow.ts'

/** With the hooks of the contract agent. */
export async function contractWorkflow(start: AgentWorkflowInput): Promise<RunResult> {
  const agent = new Agent(start.spec)
  agent.on('BeforeToolCall', (event) => {
    event.step = wrapStep(event.step, async (run) => {
      try {
        return await run()
      } catch {
        return run()
      }
    })
  })
  agent.on('AfterToolCall', ({ run }) => {
    run.state = { tools: (run.state?.tools ?? 0) + 1 }
  })
  return runAgentWorkflow(agent, start)
}

/** A hook that throws. */
export async function brokenWorkflow(start: AgentWorkflowInput): Promise<RunResult> {
  const agent = new Agent(start.spec).on('BeforeModelCall', () => {
    throw new Error('the hook is broken')
  })
  return runAgentWorkflow(agent, start)
}

export async function settingsWorkflow(start: AgentWorkflowInput): Promise<RunResult> {
  return runWithTemperature(start, 0)
}

/** Inputs that are too large for one workflow task, all of them together. */
export async function largeBatchWorkflow(start: AgentWorkflowInput): Promise<RunResult> {
  const agent = new Agent(start.spec).on('BeforeToolCall', (event) => {
    event.step = withInput(event.step, { padding: 'x'.repeat(1_600_000) })
  })
  return runAgentWorkflow(agent, start)
}
