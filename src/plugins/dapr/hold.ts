/**
 * Holding a run that diverged. Dapr's SDK fails such a workflow for good; ours answers the item of work with nothing, so that
 * the history stays as it is, and the next event finds the run where it was: on a worker that was rolled back or fixed it
 * goes on. It needs parts of the SDK that are not public; without them the run fails.
 */
import type { Task, WorkflowContext } from '@dapr/dapr'
import type { ErrorJson } from '../../index.ts'
import { untilLook } from './dispatch.ts'
import type { InnerContext } from './live-runs.ts'
import { mayStay, mustGo } from './live-runs.ts'
import type { LiveStatus } from './protocol.ts'
import { Recent } from './recent.ts'

function innerOf(context: WorkflowContext): InnerContext | undefined {
  const inner = (context as unknown as { readonly _innerContext?: Partial<InnerContext> })._innerContext
  return inner && typeof inner.setFailed === 'function' && inner._pendingActions ? (inner as InnerContext) : undefined
}

/** Held by ours already: what the SDK finds after that follows from it. */
const held = new WeakSet<InnerContext>()

/** What the SDK says where code and history don't fit: other names, another kind of action, or none. */
const NON_DETERMINISM = /non-determini/i

/** From now on the SDK's own finding of a divergence holds the run, too. */
export function holdOnDivergence(context: WorkflowContext): void {
  const inner = innerOf(context)
  if (!inner) return
  mayStay(inner)
  const fail = inner.setFailed.bind(inner)
  inner.setFailed = (given) => {
    const failure = given as Error | undefined
    if (failure?.constructor?.name !== 'NonDeterminismError' && !NON_DETERMINISM.test(failure?.message ?? '')) {
      fail(given)
      return
    }
    inner._pendingActions = Object.fromEntries(
      Object.entries(inner._pendingActions).filter(([id]) => Number(id) >= HELD),
    )
    mustGo(inner)
    if (held.has(inner)) return
    const error: ErrorJson = {
      code: 'DIVERGED',
      kind: 'terminal',
      message: `the run does other steps than its history has: ${failure?.message}. Nothing recorded was changed: roll back, or fix it.`,
    }
    const status: LiveStatus = { agent: '', status: 'blocked', waits: [], error }
    inner.setCustomStatus(JSON.stringify(status))
  }
}

/** Timers of runs that are held have numbers from here on: they are nothing that the run asked for. */
export const HELD = 1_000_000_000

/** How often a workflow was held lately, and when. */
const helds = new Recent<{ readonly times: number; readonly at: number }>()
const LATELY = 180_000

/**
 * Waits for nothing. What was asked for in vain is not done.
 * @param looksAgain whether it may be over by itself: a timer then is the next event, less and less often
 */
export async function* keepHeld(
  context: WorkflowContext,
  looksAgain: boolean,
): AsyncGenerator<Task<unknown>, void, unknown> {
  const inner = innerOf(context)
  if (!inner) return
  held.add(inner)
  mustGo(inner)
  inner._pendingActions = {}
  if (looksAgain) {
    const instance = context.getWorkflowInstanceId()
    const now = context.getCurrentUtcDateTime().getTime()
    const known = helds.get(instance)
    const before = known && now - known.at < LATELY ? known.times : 0
    helds.set(instance, { times: before + 1, at: now })
    // The same number twice would be the same timer.
    inner._sequenceNumber = HELD + (Math.floor(now / 100) % HELD)
    context.createTimer(untilLook(before) / 1_000)
  }
  for (;;) yield context.waitForExternalEvent('holdfast.never')
}
