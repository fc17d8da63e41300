/** Approvals of tool calls: asked after all Before… hooks, for the input as it then is, and bound to it. */
import { digest } from '../digest.ts'
import type { Json } from '../json.ts'
import type { Frame } from './run-context.ts'
import type { Slot } from './slot.ts'
import type { ToolSpec } from '../spec.ts'
import { needTask } from './stepping.ts'
import type { ApprovalAnswer, ModelToolCall } from '../step-kinds.ts'
import { replaceInput } from '../step-wrap.ts'
import type { PendingWait } from './waits.ts'
import { keptAnswer } from './waits.ts'

/** A tool call of the model, with the tool's declaration. */
export interface Approvable extends ModelToolCall {
  readonly tool: ToolSpec
}

/** Ask for an approval, or go by the answer: deny the step, or give it the input that the person chose. */
export async function approve(
  frame: Frame,
  slot: Slot<'tool' | 'agent'>,
  call: Approvable,
  pending: PendingWait[],
): Promise<void> {
  const input: Json = slot.step.input
  if (!(await isNeeded(frame, slot, call, input))) return
  const of = digest(input)
  const known = keptAnswer(frame, `${slot.descriptor.id}/approval`, of)
  if (!known.output) {
    const timeout = call.tool.approvalTimeout
    pending.push({
      id: known.id,
      input: { type: 'approval', of, tool: call.toolName, toolCallId: call.toolCallId, input },
      ...(timeout !== undefined && { timeout }),
    })
    return
  }
  if (!('answer' in known.output)) {
    slot.denied = 'the approval was not given in time'
    return
  }
  const answer = known.output.answer as unknown as ApprovalAnswer
  if (!answer.approved) slot.denied = answer.reason ?? 'a person refused the call'
  else if (answer.input !== undefined) slot.step = replaceInput(slot.step, answer.input)
}

/** The model step's executor judged the input that the model wrote; one that a hook changed is judged anew. */
async function isNeeded(frame: Frame, slot: Slot<'tool' | 'agent'>, call: Approvable, input: Json): Promise<boolean> {
  const { approval, name } = call.tool
  if (approval !== 'maybe') return approval === 'always'
  if (digest(input) === digest(call.input)) return call.needsApproval === true
  const of = digest(input)
  // Each pass over the hooks may make another input: each has a step of its own, in the order in which they came.
  for (let round = 1; ; round++) {
    const id = `${slot.descriptor.id}/approval-needed${round === 1 ? '' : `/${round}`}`
    const known = frame.memo.get(id) as { readonly of: string; readonly needed: boolean } | undefined
    if (known && known.of !== of) continue
    if (known) return known.needed
    const output = await needTask(frame, {
      kind: 'task',
      id,
      execution: 1,
      name: 'holdfast.approval',
      input: { tool: name, input },
      policy: { effect: 'repeatable' },
    })
    const needed = output === true
    frame.memo.set(id, { of, needed })
    return needed
  }
}
