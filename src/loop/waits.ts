/** Waits: those that a batch asks for are opened together, and their answers kept until the batch is done. */
import { HoldfastError, isSuspended } from '../errors.ts'
import type { Frame } from './run-context.ts'
import { suspended } from './run-context.ts'
import type { Seq } from './seq.ts'
import { after, before, settle } from './stepping.ts'
import type { OpenWait, WaitInput, WaitOutput } from '../step-kinds.ts'
import type { StepDescriptor } from '../step.ts'

export interface PendingWait {
  readonly id: string
  readonly input: WaitInput
  /** Milliseconds. */
  readonly timeout?: number
}

interface KeptAnswer {
  readonly of: string
  readonly output: WaitOutput
}

/**
 * The answer to a wait, if the batch has it. An answer is bound to the digest of what was asked: where that has changed
 * since, the wait has a new id and is asked anew.
 */
export function keptAnswer(
  frame: Frame,
  id: string,
  of: string,
): { readonly id: string; readonly output?: WaitOutput } {
  for (let round = 1; ; round++) {
    const rounded = round === 1 ? id : `${id}/${round}`
    const kept = frame.memo.get(rounded) as unknown as KeptAnswer | undefined
    if (!kept) return { id: rounded }
    if (kept.of === of) return { id: rounded, output: kept.output }
  }
}

/**
 * Open waits, all in one tick, and keep their answers.
 *
 * Rejects with `SUSPENDED` where one of them is for a person who is waited for outside of this process.
 */
export async function openWaits(frame: Frame, pending: readonly PendingWait[], seq?: Seq): Promise<void> {
  const slots = []
  for (const wait of pending) {
    checkSupported(frame, wait)
    slots.push(await before(frame, descriptorOf(wait), seq ? { seq } : {}))
  }
  // Inside a step that runs beside others, events are numbered by that step.
  const events = frame.observed ? slots.map(() => (seq ?? frame.seq).child()) : []
  for (const [index, { descriptor }] of slots.entries()) {
    const { id, input } = descriptor
    frame.openings.set(id, (phase) => {
      frame.openings.delete(id)
      frame.tell({ type: 'wait-opened', waitId: id, input }, phase, events[index])
    })
  }
  const outcomes = await settle(slots.map((slot) => () => slot.inScope(() => slot.run())))
  const open: OpenWait[] = []
  for (const [index, slot] of slots.entries()) {
    const outcome = outcomes[index] as PromiseSettledResult<WaitOutput>
    const { id, input } = slot.descriptor
    // Of an engine that does not say when a wait is open, it is known now; and so is one that was answered before.
    frame.openings.get(id)?.(outcome.status === 'rejected' ? 'live' : frame.run.phase)
    if (outcome.status === 'rejected') {
      if (!isSuspended(outcome.reason)) throw outcome.reason
      open.push({ id, input })
      continue
    }
    frame.tell({ type: 'wait-settled', waitId: id, output: outcome.value }, frame.run.phase, events[index])
    await after(slot, { status: 'ok', output: outcome.value })
    frame.memo.set(id, { of: input.of, output: outcome.value })
  }
  frame.checkCancelled()
  frame.run.openWaits.push(...open)
  if (open.length > 0) throw suspended(open)
}

function descriptorOf({ id, input, timeout }: PendingWait): StepDescriptor<'wait'> {
  const policy = { effect: 'repeatable', ...(timeout !== undefined && { timeout }) } as const
  return { kind: 'wait', id, execution: 1, name: input.type, input, policy }
}

function checkSupported(frame: Frame, { id, input }: PendingWait): void {
  const { port } = frame.run
  const needed = input.type === 'timer' ? 'timers' : 'waits'
  if (!port || port.supports[needed]) return
  throw new HoldfastError({
    code: 'UNSUPPORTED',
    message: `engine '${port.engine}' does not support ${needed}, which ${id} needs.`,
    details: { step: id, engine: port.engine },
  })
}
