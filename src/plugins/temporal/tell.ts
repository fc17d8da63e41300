/** Events of the loop leave the sandbox as calls of a sink, which the worker gives to the agent's observers. */
import { CancellationScope, condition, proxySinks } from '@temporalio/workflow'
import type { AgentEvent } from '../../index.ts'
import { rootOf } from './live-run.ts'
import { SINKS } from './protocol.ts'

/** An event, and the registered agent that it is for. */
export interface ToldEvent {
  readonly root: string
  readonly event: AgentEvent
}

type EventSinks = { readonly [SINKS]: { events(told: string): void } }

let told: ToldEvent[] = []
let flushes = false

/**
 * Each call of a sink carries the whole of `workflowInfo` to another thread, so what happens in one go is told in one. A
 * condition that never holds is looked at whenever the workflow has done what there was to do.
 */
export function tellWorker(event: AgentEvent): void {
  told.push({ root: rootOf(event.id.runId), event })
  if (event.type === 'run-finished') flush()
  if (flushes) return
  flushes = true
  // A run that is cancelled is told of as well.
  const never = CancellationScope.nonCancellable(() =>
    condition(() => {
      flush()
      return false
    }),
  )
  never.catch(() => {})
}

function flush(): void {
  if (told.length === 0) return
  const now = told
  told = []
  proxySinks<EventSinks>()[SINKS].events(JSON.stringify(now))
}
