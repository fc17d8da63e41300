/** A deploy that changed what runs in flight have done: another temperature. */
import type { RunResult } from '../../../../src/index.ts'
import type { AgentWorkflowInput } from '../../../../src/plugins/temporal/index.ts'
import { runWithTemperature } from './temperature.ts'

export async function settingsWorkflow(start: AgentWorkflowInput): Promise<RunResult> {
  return runWithTemperature(start, 1)
}
