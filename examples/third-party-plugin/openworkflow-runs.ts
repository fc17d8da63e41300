/** The runs of agents on openworkflow, from any process that has its database. */
import type { Json, OpenWait, RunHandle, RunInput, RunnableAgent, RunResult, WaitInput } from 'holdfast'
import { digest, errorFromJson, HoldfastError, validateAnswer } from 'holdfast'
import { OpenWorkflow } from 'openworkflow'
import type { Backend, StepAttempt, WorkflowRun } from 'openworkflow/internal'
import type { AgentStart } from './openworkflow-plugin.ts'
import { fromPortable } from './portable-error.ts'

export interface OpenworkflowRun extends Pick<RunHandle, 'runId' | 'status' | 'result' | 'respond' | 'cancel'> {
  /** Its worker is dead: let another have it at once, and not when the lease of 30 seconds runs out. */
  release(): Promise<void>
}

export interface OpenworkflowRuns {
  start(agent: RunnableAgent, input: RunInput, options: Omit<AgentStart, 'input'>): Promise<OpenworkflowRun>
  get(runId: string): OpenworkflowRun
}

/** The engine's word for JSON. */
type Data = NonNullable<Parameters<OpenWorkflow['sendSignal']>[0]['data']>

const POLL = 50

export function openworkflowRuns(backend: Backend): OpenworkflowRuns {
  const client = new OpenWorkflow({ backend })
  const get = (runId: string): OpenworkflowRun => handleOf(backend, client, runId)
  return {
    get,
    async start(agent, input, options) {
      const start: AgentStart = { ...options, input }
      // The engine knows a key for a day; a run is known for ever.
      const known =
        (await findRun(backend, options.runId)) ??
        (await client.runWorkflow({ name: agent.name }, start, { idempotencyKey: options.runId })).workflowRun
      const isSame = digest(known.input as Json) === digest(start as unknown as Json)
      if (known.workflowName === agent.name && isSame) return get(options.runId)
      throw refused('RUN_CONFLICT', `run '${options.runId}' is known with another input: take another runId`)
    },
  }
}

function handleOf(backend: Backend, client: OpenWorkflow, runId: string): OpenworkflowRun {
  const need = async (): Promise<WorkflowRun> => {
    const run = await findRun(backend, runId)
    if (run) return run
    throw refused('RUN_NOT_FOUND', `there is no run '${runId}'`)
  }
  return {
    runId,
    async status() {
      const run = await need()
      const { workflowName: agent, error } = run
      const of = { runId, agent, waits: [] }
      if (run.status === 'completed') return { ...of, status: (run.output as unknown as RunResult).status }
      if (run.status === 'canceled') return { ...of, status: 'cancelled' }
      if (run.status === 'failed' && error) return { ...of, status: 'failed', error: fromPortable(error) }
      if (run.status === 'pending' && error) return { ...of, status: 'blocked', error: fromPortable(error) }
      const waits = openWaits(await attemptsOf(backend, run))
      return { ...of, waits, status: waits.length > 0 && run.workerId === null ? 'waiting' : 'running' }
    },
    async result() {
      for (;;) {
        const { status, output, error } = await need()
        if (status === 'completed') return output as unknown as RunResult
        if (status === 'failed' && error) throw errorFromJson(fromPortable(error))
        // By the engine's own cancel, which takes no result of it.
        if (status === 'canceled') throw refused('CANCELLED', `run '${runId}' was cancelled`)
        await new Promise((resolve) => setTimeout(resolve, POLL))
      }
    },
    async respond(waitId, answer) {
      const run = await need()
      const attempts = isOver(run) ? [] : await attemptsOf(backend, run)
      const wait = attempts.find(({ kind, stepName }) => kind === 'signal-wait' && stepName === waitId)
      const asked = askedIn(attempts, waitId)
      if (!wait || !asked) throw refused('WAIT_NOT_FOUND', `run '${runId}' does not wait for ${waitId}, or not yet`)
      const data = validateAnswer(asked, answer)
      const { workflowRunIds } = await client.sendSignal({ signal: `${runId}/${waitId}`, data: data as Data })
      if (workflowRunIds.length === 0)
        throw refused('WAIT_ANSWERED', `${waitId} of run '${runId}' has its answer already`)
    },
    async cancel(reason) {
      const run = await need()
      if (isOver(run)) return
      const hasBegun = (await attemptsOf(backend, run)).length > 0
      // One that nobody has begun hears no signal; it has no result either.
      if (hasBegun) await client.sendSignal({ signal: `${runId}/cancel`, data: reason ?? null })
      else await client.cancelWorkflowRun(run.id)
    },
    async release() {
      const { id: workflowRunId, workerId } = await need()
      if (workerId) await backend.sleepWorkflowRun({ workflowRunId, workerId, availableAt: new Date() })
    },
  }
}

function isOver({ status }: WorkflowRun): boolean {
  return status === 'completed' || status === 'failed' || status === 'canceled'
}

/** The engine has ids of its own and does not look a key up: all runs are gone through, the newest first. */
async function findRun(backend: Backend, runId: string): Promise<WorkflowRun | undefined> {
  let after: string | undefined
  do {
    const page = await backend.listWorkflowRuns({ limit: 100, ...(after && { after }) })
    const found = page.data.find(({ idempotencyKey }) => idempotencyKey === runId)
    if (found) return found
    after = page.pagination.next ?? undefined
  } while (after)
  return undefined
}

async function attemptsOf(backend: Backend, { id: workflowRunId }: WorkflowRun): Promise<StepAttempt[]> {
  // The engine allows 1,000 in a run.
  return (await backend.listStepAttempts({ workflowRunId, limit: 1000 })).data
}

function askedIn(attempts: readonly StepAttempt[], waitId: string): WaitInput | undefined {
  const asked = attempts.find(({ status, stepName }) => status === 'completed' && stepName === `${waitId}/asked`)
  return (asked?.output as unknown as { readonly input: WaitInput } | undefined)?.input
}

function openWaits(attempts: readonly StepAttempt[]): OpenWait[] {
  return attempts.flatMap(({ kind, status, stepName: id }) => {
    const input = kind === 'signal-wait' && status === 'running' ? askedIn(attempts, id) : undefined
    return input && input.type !== 'timer' ? [{ id, input }] : []
  })
}

function refused(
  code: 'RUN_CONFLICT' | 'RUN_NOT_FOUND' | 'WAIT_NOT_FOUND' | 'WAIT_ANSWERED' | 'CANCELLED',
  message: string,
): HoldfastError {
  return new HoldfastError({ code, message })
}
