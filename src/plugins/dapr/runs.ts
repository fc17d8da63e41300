/** The runs of agents on Dapr: start, list, delete. */
import { randomUUID } from 'node:crypto'
import type { DaprClient, DaprWorkflowClient } from '@dapr/dapr'
import type { AgentRuns, Json, RunHandle, RunInput, RunnableAgent, StartOptions, StreamSink } from '../../index.ts'
import { digest, HoldfastError, toJson } from '../../index.ts'
import { ENDED, lookAt, retrying } from './look.ts'
import type { AgentWorkflowInput, DaprRunOptions, RunRow, RunTomb } from './protocol.ts'
import { instanceId, MAX_START, PROTOCOL, runKey, sizeOf, WORKFLOW } from './protocol.ts'
import { DaprRun, notFound } from './run-handle.ts'
import { addRun, allRuns, removeRun } from './run-index.ts'
import { RunRows } from './run-rows.ts'
import type { DaprLogger } from './runtime.ts'
import { routeClient } from './runtime.ts'
import { heldIfLarge } from './starts.ts'
import { Store, unavailable } from './store.ts'
import { workflowsOf } from './wakes.ts'

export interface DaprRunsOptions {
  /** The state store's name, the same as the workers'. Default: `statestore`. */
  readonly stateStore?: string
  /** For the workflows. Default: one for the daprd that `client` talks to, which then has to do so over gRPC. */
  readonly workflows?: DaprWorkflowClient
  /** What the workers publish to, if this process can read it: for `events()`. */
  readonly streams?: StreamSink
  /** Milliseconds for which `result()` bears that daprd is not there. Default: 60,000. */
  readonly patience?: number
  /** Of the runs that are started: activities after which one goes on as a new execution of its workflow. Default: 50. */
  readonly continueAfter?: number
  /** For what the SDK's client says. Default: errors and warnings go to the console, all else nowhere. */
  readonly logger?: DaprLogger
}

/** The runs of agents, through a daprd of the workers' app. A run's id is its workflow's instance id. */
export function daprRuns(client: DaprClient, options: DaprRunsOptions = {}): AgentRuns {
  const store = new Store(client, options.stateStore ?? 'statestore')
  const workflows = options.workflows ?? workflowsOf(client)
  const { streams, patience = 60_000, continueAfter } = options
  routeClient(workflows, options.logger)
  const rows = new RunRows(store)
  const get = (runId: string): DaprRun => new DaprRun({ runId, store, rows, workflows, streams, patience })
  const pinned = continueAfter === undefined ? undefined : { continueAfter }
  return {
    get,
    async start(agent, input, start): Promise<RunHandle> {
      await startRun({ store, workflows, options: pinned }, agent, input, start)
      return get(start.runId)
    },
    async *list(filter = {}) {
      for await (const { runId, row } of allRuns(store)) {
        if (filter.agent !== undefined && row.agent !== filter.agent) continue
        const { status, updatedAt } = await get(runId).look()
        if (filter.status !== undefined && status !== filter.status) continue
        yield { runId, agent: row.agent, status, createdAt: new Date(row.createdAt), updatedAt }
      }
    },
    async delete(runId) {
      const found = await store.get<RunRow | RunTomb>(runKey(runId))
      const row = found && 'start' in found ? found : undefined
      // A workflow of the app's own has no row, and is known by its id.
      const instance = row?.instance ?? instanceId(runId)
      if (!row && (found || !(await lookAt(workflows, instance, false)))) throw notFound(runId)
      await purge(workflows, runId, instance)
      await rows.deleteAll(row?.nonce ?? runId)
      if (row) await removeRun(store, runId, row)
    },
  }
}

/** Milliseconds in which a run is deleted, and in which Dapr answers. */
const PATIENCE = 30_000
const ANSWER = 2_000

interface Engine {
  readonly store: Store
  readonly workflows: DaprWorkflowClient
  readonly options: DaprRunOptions | undefined
}

async function startRun(
  { store, workflows, options }: Engine,
  agent: RunnableAgent,
  input: RunInput,
  { runId, context, messages, workflow }: StartOptions,
): Promise<void> {
  const what = toJson({ input, context, messages }, `start of run '${runId}'`) as unknown as Pick<
    AgentWorkflowInput,
    'input' | 'context' | 'messages'
  >
  const start: AgentWorkflowInput = {
    ...what,
    version: PROTOCOL,
    runId,
    spec: agent.describe(),
    nonce: randomUUID(),
    ...(options && { options }),
  }
  const size = sizeOf(start)
  if (size > MAX_START) throw tooLarge(runId, size)
  const row: RunRow = {
    agent: agent.name,
    nonce: start.nonce,
    input: digest([agent.name, what as unknown as Json, ...(workflow === undefined ? [] : [workflow])]),
    ...(workflow !== undefined && { workflow }),
    start,
    createdAt: new Date().toISOString(),
    instance: instanceId(runId),
    generation: 0,
    page: 0,
  }
  const { input: recorded, nonce, instance, start: first } = await addRun(store, runId, row)
  if (recorded !== row.input) throw conflict(runId)
  // Of one that is known the workflow may be missing: who started it died before that.
  if (nonce !== row.nonce && (await lookAt(workflows, instance, false))) return
  await retrying(async () => {
    try {
      await workflows.scheduleNewWorkflow(workflow ?? WORKFLOW, heldIfLarge(first), instance)
    } catch (error) {
      // Two that start the same run at once: one of them is refused.
      if (!(await workflows.getWorkflowState(instance, false))) throw error
    }
  }, `run '${runId}' could not be started`)
}

async function purge(workflows: DaprWorkflowClient, runId: string, id: string): Promise<void> {
  const until = Date.now() + PATIENCE
  for (let state = await lookAt(workflows, id, false); state; state = await lookAt(workflows, id, false)) {
    if (Date.now() > until) throw unavailable('it does not end', `run '${runId}' could not be deleted`)
    const hasEnded = ENDED.has(state.runtimeStatus)
    // What the workflow was doing meanwhile may have brought it back; and sometimes Dapr does not answer.
    await Promise.race([
      (hasEnded ? workflows.purgeWorkflow(id) : workflows.terminateWorkflow(id, null)).catch(() => {}),
      new Promise((resolve) => setTimeout(resolve, ANSWER).unref()),
    ])
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function conflict(runId: string): HoldfastError {
  return new HoldfastError({
    code: 'RUN_CONFLICT',
    message: `run '${runId}' is known with another input. Take another runId, or give the input that it was started with.`,
    details: { runId },
  })
}

function tooLarge(runId: string, size: number): HoldfastError {
  return new HoldfastError({
    code: 'PAYLOAD_TOO_LARGE',
    message: `what run '${runId}' is started with has ${size} bytes of JSON, and Dapr takes ${MAX_START}: give references in its place.`,
    details: { runId, size, limit: MAX_START },
  })
}
