/** What becomes of a `once` step whose outcome nobody knows: never a blind rerun. */
import type { HoldfastError } from '../errors.ts'
import type { StepOutcome } from '../hooks/events.ts'
import type { Json } from '../json.ts'
import { digest } from '../digest.ts'
import type { Approvable } from './approve.ts'
import { idempotencyKey } from '../execute/execute-step.ts'
import type { Slot } from './slot.ts'
import { IO_POLICY, outcomeOf, runTask } from './stepping.ts'
import type { Reconciled } from '../step-kinds.ts'
import { keptAnswer, openWaits } from './waits.ts'

/** Ask the tool's `reconcile`; if that can't tell, a person; else it is an error that the model sees. */
export async function resolveUnknown(
  slot: Slot<'tool'>,
  call: Approvable,
  error: HoldfastError,
): Promise<StepOutcome<'tool'>> {
  let unknown = error
  for (;;) {
    const found = await findOut(slot, call)
    if (found.status === 'done') return { status: 'ok', output: found.output }
    // Whatever else it may be: only this lets it run again.
    if (found.status !== 'not-done') return { status: 'error', error: unknown }
    slot.permitAnother()
    const outcome = await outcomeOf(slot)
    if (outcome.status === 'ok' || outcome.error.code !== 'OUTCOME_UNKNOWN') return outcome
    unknown = outcome.error
  }
}

async function findOut(slot: Slot<'tool'>, { tool }: Approvable): Promise<Reconciled> {
  const { frame, executions, descriptor } = slot
  const { id } = descriptor
  const round = executions === 1 ? '' : `/${executions}`
  const input: Json = slot.step.input
  const options = slot.seq ? { seq: slot.seq } : {}
  if (tool.reconcile) {
    const outcome = await runTask(
      frame,
      {
        kind: 'task',
        id: `${id}/reconcile${round}`,
        execution: 1,
        name: 'holdfast.reconcile',
        input: { tool: tool.name, input, stepId: id, idempotencyKey: idempotencyKey(frame.run.runId, id) },
        policy: IO_POLICY,
      },
      options,
    )
    // A reconcile that fails has told nothing: a person is asked, as if there were none.
    const found = outcome.status === 'ok' ? (outcome.output as unknown as Reconciled) : undefined
    if (found?.status === 'done' || found?.status === 'not-done') return found
  }
  if (tool.onUnknown === 'error' || !canWait(slot)) return { status: 'unknown' }
  const wait = { type: 'unknown-outcome', tool: tool.name, input, of: digest(input) } as const
  const waitId = `${id}/unknown${round}`
  await openWaits(frame, [{ id: waitId, input: wait }], slot.seq)
  const { output } = keptAnswer(frame, waitId, wait.of)
  return output && 'answer' in output ? (output.answer as unknown as Reconciled) : { status: 'unknown' }
}

function canWait({ frame }: Slot<'tool'>): boolean {
  const { port } = frame.run
  return !port || port.supports.waits === true
}
