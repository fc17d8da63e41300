/** Names of operations, which the service compares on replay, and of executions. */
import { digest } from '../../index.ts'

/** 1 to 256 printable ASCII characters. */
export function operationName(id: string): string {
  if (/^[ -~]{1,256}$/.test(id)) return id
  return `${id.replace(/[^ -~]/g, '?').slice(0, 200)}~${digest(id)}`
}

/** 1 to 64 letters, digits, `_` and `-`: the run's id itself, where it is such. */
export function executionName(runId: string): string {
  if (/^[\w-]{1,64}$/.test(runId)) return runId
  return `${runId.replace(/[^\w-]/g, '_').slice(0, 24)}-${digest(runId)}`
}
