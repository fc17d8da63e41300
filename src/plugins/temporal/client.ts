/** Holdfast on Temporal, client side: start runs, answer, look at, cancel and delete them. */
import type { Client } from '@temporalio/client'
import { isGrpcServiceError, WorkflowExecutionAlreadyStartedError } from '@temporalio/client'
import type { AgentPlugin, AgentRuns, Json, RunInput, RunnableAgent, StartOptions, StreamSink } from '../../index.ts'
import { digest, HoldfastError, toJson } from '../../index.ts'
import { AGENT, MODEL, STATUS } from './attributes.ts'
import { ALREADY_EXISTS, unavailable } from './client-errors.ts'
import { deleteRun, listRuns } from './list.ts'
import type { AgentWorkflowInput, RunMemo, TemporalRunOptions } from './protocol.ts'
import { MEMO, payloadLimit, PROTOCOL, sizeOf, WORKFLOW } from './protocol.ts'
import { TemporalRun } from './run-handle.ts'

export { type PayloadStorageOptions, payloadStorage } from './payload-storage.ts'

export interface TemporalRunsOptions extends TemporalRunOptions {
  /** The task queue of the workers. Default: `holdfast`. */
  readonly taskQueue?: string
  /** What the workers publish to, if this process can read it: for `events()`. */
  readonly streams?: StreamSink
  /** Milliseconds after which `respond()` and `status()` say that no worker is there. Default: 10,000. */
  readonly patience?: number
}

export interface TemporalRuns extends AgentRuns {
  /** Let a run go on that was parked because a step of it lost its worker again and again. @throws `RUN_NOT_FOUND` */
  unpark(runId: string): Promise<void>
}

/** The runs of agents on a Temporal server. A run's id is its workflow's id. */
export function temporalRuns(client: Client, options: TemporalRunsOptions = {}): TemporalRuns {
  const { taskQueue = 'holdfast', streams, patience = 10_000, ...given } = options
  const stored = client.options.loadedDataConverter.externalStorage?.payloadSizeThreshold
  const runOptions: TemporalRunOptions = { ...(stored !== undefined && { externalStorage: stored }), ...given }
  const get = (runId: string): TemporalRun => new TemporalRun(client, runId, patience, streams)
  return {
    get,
    async start(agent, input, start) {
      await startWorkflow(client, taskQueue, runOptions, { agent, input, start })
      return get(start.runId)
    },
    list: (filter = {}) => listRuns(client, filter),
    delete: (runId) => deleteRun(client, runId),
    unpark: (runId) => get(runId).unpark(),
  }
}

interface Start {
  readonly agent: RunnableAgent
  readonly input: RunInput
  readonly start: StartOptions
}

async function startWorkflow(
  client: Client,
  taskQueue: string,
  options: TemporalRunOptions,
  { agent, input, start }: Start,
): Promise<void> {
  const { runId, workflow } = start
  if (workflow === undefined) refuseHooks(agent)
  const spec = agent.describe()
  const { context, messages } = start
  const what = toJson({ input, context, messages }, `start of run '${runId}'`) as unknown as Omit<
    AgentWorkflowInput,
    'spec'
  >
  const argument: AgentWorkflowInput = { ...what, version: PROTOCOL, spec, options }
  const size = sizeOf(argument)
  const limit = payloadLimit(options)
  if (size > limit) throw tooLarge(runId, size, limit)
  const inputDigest = digest([agent.name, workflow ?? WORKFLOW, what as unknown as Json])
  const memo: RunMemo = { agent: agent.name, models: spec.models, input: inputDigest, status: 'running' }
  try {
    await client.workflow.start(workflow ?? WORKFLOW, {
      workflowId: runId,
      taskQueue,
      args: [argument],
      memo: { [MEMO]: memo },
      staticSummary: agent.name,
      ...(options.searchAttributes && {
        typedSearchAttributes: [
          { key: AGENT, value: agent.name },
          { key: MODEL, value: [...spec.models] },
          { key: STATUS, value: 'running' },
        ],
      }),
      // A run that is known is known, also when it has ended.
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowIdConflictPolicy: 'FAIL',
    })
  } catch (error) {
    const isKnown =
      error instanceof WorkflowExecutionAlreadyStartedError ||
      (isGrpcServiceError(error) && error.code === ALREADY_EXISTS)
    if (!isKnown) throw unavailable(error, `run '${runId}' could not be started`)
    await checkSame(client, runId, inputDigest)
  }
}

/** The run that has the id already is the same one, or it is refused. */
async function checkSame(client: Client, runId: string, inputDigest: string): Promise<void> {
  const { memo } = await client.workflow.getHandle(runId).describe()
  if ((memo?.[MEMO] as RunMemo | undefined)?.input === inputDigest) return
  throw new HoldfastError({
    code: 'RUN_CONFLICT',
    message: `run '${runId}' is known with another input. Take another runId, or give the input that it was started with.`,
    details: { runId },
  })
}

/** Hooks are code of the loop, and the ready-made workflow has the agent's data alone. */
function refuseHooks(agent: RunnableAgent): void {
  const { plugins = [] } = agent as { readonly plugins?: readonly AgentPlugin[] }
  const hooked = plugins.filter(({ hooks, durability }) => hooks && !durability).map(({ name }) => `'${name}'`)
  if (hooked.length === 0) return
  throw new HoldfastError({
    code: 'UNSUPPORTED',
    message:
      `agent '${agent.name}' has hooks in the loop, of plugin ${[...new Set(hooked)].join(', ')}, and they can't go along as data. ` +
      'Write a workflow of your own with runAgentWorkflow(new Agent(start.spec).use(…), start), and name it: start(agent, input, { runId, workflow }).',
    details: { plugins: hooked },
  })
}

function tooLarge(runId: string, size: number, limit: number): HoldfastError {
  return new HoldfastError({
    code: 'PAYLOAD_TOO_LARGE',
    message: `what run '${runId}' is started with has ${size} bytes of JSON, and Temporal takes ${limit}: give references in its place, or configure ExternalStorage.`,
    details: { runId, size, limit },
  })
}
