/** Reading what Dapr has of a workflow, and bearing that it does not answer for a moment. */
import type { DaprWorkflowClient, WorkflowState } from '@dapr/dapr'
import { WorkflowRuntimeStatus } from '@dapr/dapr'
import { unavailable } from './store.ts'

/** What a workflow does not come back from. */
export const ENDED: ReadonlySet<WorkflowRuntimeStatus> = new Set([
  WorkflowRuntimeStatus.COMPLETED,
  WorkflowRuntimeStatus.FAILED,
  WorkflowRuntimeStatus.TERMINATED,
])

/**
 * What Dapr has of a workflow; `undefined` if there is none. Dapr reads several rows that are written meanwhile, and
 * may find some and not others; and a connection that was lost takes a second to come back.
 */
export function lookAt(
  workflows: DaprWorkflowClient,
  instance: string,
  withPayloads: boolean,
): Promise<WorkflowState | undefined> {
  const look = (): Promise<WorkflowState | undefined> => workflows.getWorkflowState(instance, withPayloads)
  return retrying(look, `workflow '${instance}' can't be looked at`)
}

/** Milliseconds. */
const PATIENCE = 10_000

/** For what may be done twice. @throws `ENGINE_UNAVAILABLE` after some seconds */
export async function retrying<T>(work: () => Promise<T>, what: string): Promise<T> {
  const until = Date.now() + PATIENCE
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (Date.now() > until) throw unavailable(error, what)
      await new Promise((resolve) => setTimeout(resolve, Math.min(25 * tries, 400)))
    }
  }
}
