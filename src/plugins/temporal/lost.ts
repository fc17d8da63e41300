/** Whether the attempt before this one lost its worker. */
import type { Info } from '@temporalio/activity'
import type { Client } from '@temporalio/client'

/**
 * The number of attempts does not say it: a worker that does not know an activity gives it back, one that is shut down, too.
 * The server knows: of an attempt that nobody was heard of any more it says that it timed out.
 */
export async function wasLost(client: Client, { workflowExecution, activityId }: Info): Promise<boolean> {
  const { workflowId = '', runId = '' } = workflowExecution ?? {}
  try {
    const { raw } = await client.workflow.getHandle(workflowId, runId).describe()
    const pending = raw.pendingActivities?.find((one) => one.activityId === activityId)
    return Boolean(pending?.lastFailure?.timeoutFailureInfo)
  } catch {
    // Not counted, for once.
    return false
  }
}
