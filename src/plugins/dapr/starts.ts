/** What a workflow is started with. Where that is large it is in the run's row alone, and Dapr does not carry it with each step. */
import { HoldfastError } from '../../index.ts'
import type { AgentWorkflowInput, HeldWorkflowInput, RunRow, RunTomb } from './protocol.ts'
import { INLINE, runKey, sizeOf } from './protocol.ts'
import { Recent } from './recent.ts'
import type { RunRows } from './run-rows.ts'

export function heldIfLarge(start: AgentWorkflowInput): AgentWorkflowInput | HeldWorkflowInput {
  if (sizeOf(start) <= INLINE) return start
  const { version, runId, nonce, past, rows } = start
  return { version, runId, nonce, held: true, ...(past && { past }), ...(rows && { rows }) }
}

/**
 * Whether `daprRuns().start()` wrote it: what an app's own workflow is given by others may have members of the same names, but
 * hardly all of them.
 */
export function isStart(input: unknown): input is AgentWorkflowInput | HeldWorkflowInput {
  if (typeof input !== 'object' || input === null) return false
  const { version, runId, nonce, ...rest } = input as Partial<AgentWorkflowInput & HeldWorkflowInput>
  if (typeof version !== 'number' || typeof runId !== 'string' || typeof nonce !== 'string') return false
  return rest.held === true || (typeof rest.spec?.name === 'string' && 'input' in rest)
}

const known = new Recent<AgentWorkflowInput>(100)

/** @throws `ENGINE_UNAVAILABLE` */
export async function wholeStart(
  rows: RunRows,
  given: AgentWorkflowInput | HeldWorkflowInput,
): Promise<AgentWorkflowInput> {
  if (!('held' in given)) return given
  const { runId, nonce, past, rows: inRows } = given
  let start = known.get(nonce)
  if (!start) {
    const row = await rows.get<RunRow | RunTomb>(runKey(runId))
    if (!row || !('start' in row) || row.nonce !== nonce) throw missing(runId)
    start = row.start
    known.set(nonce, start)
  }
  return { ...start, ...(past && { past }), ...(inRows && { rows: inRows }) }
}

function missing(runId: string): HoldfastError {
  return new HoldfastError({
    code: 'ENGINE_UNAVAILABLE',
    kind: 'retryable',
    message: `what run '${runId}' was started with is not in the state store. Do all workers use the same store?`,
    details: { runId },
  })
}
