/** Runs among the workflows of a namespace: those that have our memo. */
import type { Client } from '@temporalio/client'
import type { AgentRuns, RunStatusName, RunSummary } from '../../index.ts'
import { isNotFound, notFound, unavailable } from './client-errors.ts'
import type { RunMemo } from './protocol.ts'
import { MEMO } from './protocol.ts'
import { statusOf } from './run-handle.ts'

type Filter = NonNullable<Parameters<AgentRuns['list']>[0]>

export async function* listRuns(client: Client, filter: Filter): AsyncIterable<RunSummary> {
  const query = filter.status && QUERY[filter.status]
  try {
    for await (const found of client.workflow.list(query ? { query } : {})) {
      const memo = found.memo?.[MEMO] as RunMemo | undefined
      // A run that went on as another workflow run is listed as that one.
      if (!memo || found.status.name === 'CONTINUED_AS_NEW') continue
      const known = statusOf(found, memo.status)
      const said = memo.status === 'waiting' || memo.status === 'parked' ? memo.status : known
      const status: RunStatusName = known === 'running' ? said : known
      if ((filter.agent !== undefined && memo.agent !== filter.agent) || (filter.status && status !== filter.status))
        continue
      const createdAt = found.startTime
      yield { runId: found.workflowId, agent: memo.agent, status, createdAt, updatedAt: found.closeTime ?? createdAt }
    }
  } catch (error) {
    throw unavailable(error, 'the runs could not be listed')
  }
}

const QUERY: { readonly [status in RunStatusName]?: string } = {
  running: 'ExecutionStatus = "Running"',
  waiting: 'ExecutionStatus = "Running"',
  parked: 'ExecutionStatus = "Running"',
  completed: 'ExecutionStatus = "Completed"',
  limit: 'ExecutionStatus = "Completed"',
}

export async function deleteRun(client: Client, runId: string): Promise<void> {
  try {
    // A workflow that runs is ended by it, too.
    await client.workflowService.deleteWorkflowExecution({
      namespace: client.options.namespace,
      workflowExecution: { workflowId: runId },
    })
  } catch (error) {
    throw isNotFound(error) ? notFound(runId, error) : unavailable(error, `run '${runId}' could not be deleted`)
  }
}
