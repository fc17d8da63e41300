/**
 * Holding a run that diverged. Dapr's SDK fails such a workflow for good; ours answers the item of work with nothing, so that
 * the history stays as it is, and the next event finds the run where it was: on a worker that was rolled back or fixed it
 * goes on. It needs parts of the SDK that are not public; without them the run fails.
 */
import type { Task, WorkflowContext } from '@dapr/dapr'
import type { ErrorJson } from '../../index.ts'
import type { InnerContext } from './live-runs.ts'
import { mayStay, mustGo } from './live-runs.ts'
import type { LiveStatus } from './protocol.ts'

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
    inner._pendingActions = {}
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

/** Waits for nothing. What was asked for in vain is not done. */
export async function* keepHeld(context: WorkflowContext): AsyncGenerator<Task<unknown>, void, unknown> {
  const inner = innerOf(context)
  if (!inner) return
  held.add(inner)
  mustGo(inner)
  inner._pendingActions = {}
  for (;;) yield context.waitForExternalEvent('holdfast.never')
}
