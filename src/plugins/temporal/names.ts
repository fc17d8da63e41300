/** Names that people read in Temporal's UI, and that are a wire format: those of activities, and of errors. */
import type { ErrorCode, StepDescriptor } from '../../index.ts'

/** `travel.model`, `travel.searchFlights`, `travel.plugin.task`; of a sub-agent's step, with the sub-agent's name. */
export function activityName(agent: string, { kind, name }: Pick<StepDescriptor, 'kind' | 'name'>): string {
  return kind === 'model' ? `${agent}.model` : `${agent}.${name}`
}

/** What a worker says that has never heard of a step, and what Temporal's SDK says for it. */
const UNKNOWN_HERE = new Set(['TOOL_UNKNOWN', 'MODEL_UNKNOWN', 'TASK_UNKNOWN', 'NotFoundError'])

export function isUnknownHere(code: string): boolean {
  return UNKNOWN_HERE.has(code)
}

/** Our code for it. */
export function unknownCode(type: string): ErrorCode {
  return type === 'NotFoundError' ? 'TOOL_UNKNOWN' : (type as ErrorCode)
}
