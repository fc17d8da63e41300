/**
 * A batch: the steps that one reply of the model asks for (or the one model call itself), in the fixed order that no
 * random time in a hook can change. Before… hooks one after the other; then all waits, open together; then, with the
 * answers, the Before… hooks once more; then every step started in one tick; then After… hooks, when all have settled.
 */
import { type Approvable, approve } from './approve.ts'
import { Asking } from './asking.ts'
import type { HoldfastError } from '../errors.ts'
import { isSuspended } from '../errors.ts'
import type { HookName, StepOutcome } from '../hooks/events.ts'
import type { Json } from '../json.ts'
import type { RunState } from '../machine.ts'
import { beginningOf } from '../machine.ts'
import { isPromise } from '../promise.ts'
import { resolveUnknown } from './reconcile.ts'
import type { Frame, ItemOutcome } from './run-context.ts'
import { Slot } from './slot.ts'
import { after, BEFORE, callBefore, failureOf, hasAfter, settle, valuesOf } from './stepping.ts'
import type { Step, StepDescriptor } from '../step.ts'
import type { StepKind } from '../step-kinds.ts'
import type { PendingWait } from './waits.ts'
import { openWaits } from './waits.ts'

export interface BatchItem<K extends StepKind = StepKind> {
  readonly step: StepDescriptor<K>
  /** A tool call: what may have to be approved. */
  readonly call?: Approvable
  /** The run of an agent, given its step as hooks made it. */
  readonly body?: (step: Step<K>) => Promise<Json>
  /** Called in place of the Before… hook of the step's kind. */
  readonly event?: HookName
}

/**
 * Run a batch to its outcomes, in the order of the items.
 *
 * Rejects with `SUSPENDED` where a person is waited for outside of this process: the plugins' JSON is then what the batch
 * began with, since its hooks will run again.
 * @param extra asks for waits that belong to the batch but to none of its steps
 */
export async function runBatch<K extends StepKind>(
  frame: Frame,
  items: readonly BatchItem<K>[],
  extra: (pending: PendingWait[]) => void = () => {},
): Promise<ItemOutcome<K>[]> {
  return orUndone(frame, async () => {
    const slots = await prepare(frame, items, extra)
    const results = await settle(slots.map((slot, index) => () => inScope(slot, items[index] as BatchItem<K>)))
    const outcomes = valuesOf(results)
    for (const [index, slot] of slots.entries()) {
      if (!hasAfter(slot as unknown as Slot)) continue
      const item = items[index] as BatchItem<K>
      let outcome = outcomes[index] as ItemOutcome<K>
      while (outcome.status !== 'denied' && (await after(slot, outcome, item.call?.toolCallId))) {
        outcome = await inScope(slot, item)
      }
      outcomes[index] = outcome
    }
    return outcomes
  })
}

/**
 * The hooks before a run, which has no batch of its own. A run that goes on from its state is wrapped by them once more: what
 * they had asked for is in it, they begin with what they began with then, and what they leave is there already.
 */
export function prepareRun(frame: Frame, item: BatchItem<'agent'>): Promise<Slot<'agent'>> {
  return orUndone(frame, async (undo) => {
    const { begun, asked } = frame.state
    if (begun) {
      frame.restorePlugins({})
      frame.state = beginningOf(frame.state)
    }
    const [slot] = (await prepare(frame, [item], () => {}, asked)) as [Slot<'agent'>]
    if (begun) undo()
    frame.state = { ...frame.state, begun: true, asked: Object.fromEntries(frame.memo) }
    return slot
  })
}

/**
 * Where work is suspended, what hooks left is undone: the plugins' JSON, and in the state that one asked to compact. They will
 * run again, on what they began with.
 */
async function orUndone<T>(frame: Frame, work: (undo: () => void) => Promise<T>): Promise<T> {
  const { state } = frame
  const plugins = frame.copyPlugins()
  const undo = (): void => {
    frame.restorePlugins(plugins)
    frame.state = state
  }
  try {
    return await work(undo)
  } catch (error) {
    if (isSuspended(error)) undo()
    throw error
  }
}

/** Passes over the Before… hooks until nothing is left to be answered. Each pass begins with the plugins' JSON as it was before the first, and what hooks of waits made of it. */
async function prepare<K extends StepKind>(
  frame: Frame,
  items: readonly BatchItem<K>[],
  extra: (pending: PendingWait[]) => void,
  asked: RunState['asked'] = {},
): Promise<Slot<K>[]> {
  frame.memo.clear()
  for (const [id, json] of Object.entries(asked)) frame.memo.set(id, json)
  frame.settled.clear()
  for (;;) {
    const plugins = frame.copyPlugins()
    const pending: PendingWait[] = []
    const slots: Slot<K>[] = []
    for (const item of items) slots.push(await prepareItem(frame, item, pending))
    extra(pending)
    if (pending.length === 0) return slots
    frame.restorePlugins(plugins)
    await openWaits(frame, pending)
  }
}

async function prepareItem<K extends StepKind>(
  frame: Frame,
  item: BatchItem<K>,
  pending: PendingWait[],
): Promise<Slot<K>> {
  const { step, call, body } = item
  const opened = Slot.open(frame, step, body ? { body: body as (step: Step) => Promise<Json> } : {})
  const slot = isPromise(opened) ? await opened : opened
  const name = item.event ?? BEFORE[step.kind]
  if (frame.bus.has(name)) {
    const asks = new Asking(frame, step.id, pending)
    try {
      await callBefore(slot, name, { asks, toolCallId: call?.toolCallId })
      frame.checkCancelled()
    } catch (error) {
      // A suspension of another kind is the engine's: the hook has not had its way.
      if (!isSuspended(error) || !asks.unanswered) throw error
    } finally {
      await asks.close()
    }
    // A hook that caught the suspension is still one that waits for its answer.
    if (asks.unanswered) return slot
  }
  if (!call || slot.denied !== undefined || call.tool.approval === 'never') return slot
  await approve(frame, slot as unknown as Slot<'tool' | 'agent'>, call, pending)
  return slot
}

async function inScope<K extends StepKind>(slot: Slot<K>, item: BatchItem<K>): Promise<ItemOutcome<K>> {
  const { denied, descriptor, frame } = slot
  frame.settled.delete(descriptor.id)
  const outcome: ItemOutcome<K> =
    denied === undefined ? await slot.inScope(() => runItem(slot, item)) : { status: 'denied', reason: denied }
  frame.settled.set(descriptor.id, outcome as ItemOutcome)
  return outcome
}

async function runItem<K extends StepKind>(slot: Slot<K>, item: BatchItem<K>): Promise<ItemOutcome<K>> {
  let failure: HoldfastError
  try {
    return { status: 'ok', output: await slot.run() }
  } catch (error) {
    failure = failureOf(slot, error)
  }
  if (failure.code !== 'OUTCOME_UNKNOWN' || !item.call) return { status: 'error', error: failure }
  return (await resolveUnknown(slot as unknown as Slot<'tool'>, item.call, failure)) as StepOutcome<K>
}
