/** Whether a run is held: it diverged from its history, or no worker knows a step of it. */
import type { Client, WorkflowExecutionDescription } from '@temporalio/client'
import type { ErrorJson } from '../../index.ts'
import { isUnknownHere, unknownCode } from './names.ts'

export async function blockedBy(
  client: Client,
  { raw, workflowId, runId }: WorkflowExecutionDescription,
): Promise<ErrorJson | undefined> {
  for (const { lastFailure } of raw.pendingActivities ?? []) {
    const type = lastFailure?.applicationFailureInfo?.type
    if (!type || !isUnknownHere(type)) continue
    return { code: unknownCode(type), kind: 'retryable', message: lastFailure?.message ?? type }
  }
  if ((raw.pendingWorkflowTask?.attempt ?? 0) < 2) return undefined
  const { history } = await client.workflowService.getWorkflowExecutionHistoryReverse({
    namespace: client.options.namespace,
    execution: { workflowId, runId },
    maximumPageSize: 20,
  })
  const failed = history?.events?.find(({ workflowTaskFailedEventAttributes }) => workflowTaskFailedEventAttributes)
  const message = failed?.workflowTaskFailedEventAttributes?.failure?.message
  // Without one it timed out: no worker has it at present, or one died in it.
  if (!message) return undefined
  return { code: 'DIVERGED', kind: 'terminal', message }
}
