/** Runs as workflows: the ready-made one, and the adapter for those of one's own. */
import type { Task, WorkflowContext } from '@dapr/dapr'
import type { AgentDefinition, Json } from '../../index.ts'
import { errorToJson, HoldfastError, isEngineFailure, runPinned } from '../../index.ts'
import { bridge } from './bridge.ts'
import { holdOnDivergence, keepHeld } from './hold.ts'
import { WorkflowHost } from './host.ts'
import { daprDurabilityPlugin } from './plugin.ts'
import type { AgentWorkflowInput, PageCall, WorkflowOutput } from './protocol.ts'
import { PAGE, PAGE_LETTERS, pageKey, PROTOCOL } from './protocol.ts'

/** An agent as a worker needs it. `Agent` is one. */
export interface WorkerAgent {
  readonly name: string
  readonly definition: AgentDefinition
}

export type DaprWorkflow<Input> = (
  context: WorkflowContext,
  input: Input,
) => AsyncGenerator<Task<unknown>, Json, unknown>

/**
 * A workflow from an async function: agents with `daprDurabilityPlugin()` are durable in it, and each of its awaits must be
 * for one of them.
 *
 *     runtime.registerWorkflowWithName('trip', daprWorkflow(async (input) => (await travel.run(input)).text))
 */
export function daprWorkflow<Input>(
  body: (input: Input, context: WorkflowContext) => Promise<Json>,
): DaprWorkflow<Input> {
  return (context, input) => inWorkflow(context, context.getWorkflowInstanceId(), undefined, () => body(input, context))
}

/** The workflow that `daprRuns(client).start()` starts, for the agents that a worker has. */
export function agentWorkflow(agents: readonly WorkerAgent[]): DaprWorkflow<AgentWorkflowInput> {
  const known = new Map(agents.map((agent) => [agent.name, agent]))
  return (context, start) =>
    inWorkflow(context, start.nonce, start, async (host) => {
      const agent = known.get(start.spec.name)
      if (!agent || start.version !== PROTOCOL) throw notHere(start)
      const { input, context: given, messages, spec } = start
      const isDurable = agent.definition.plugins.some(({ durability }) => durability)
      const result = await runPinned(agent, spec, input, {
        runId: start.runId,
        ...(given !== undefined && { context: given }),
        ...(messages && { messages }),
        ...(!isDurable && { plugins: [daprDurabilityPlugin()] }),
      })
      // Once: the client puts the messages back into the state.
      const whole = { ...result, state: { ...result.state, messages: [] } } as unknown as Json
      return (await outputOf(host, whole)) as unknown as Json
    })
}

async function* inWorkflow(
  context: WorkflowContext,
  nonce: string,
  start: AgentWorkflowInput | undefined,
  body: (host: WorkflowHost) => Promise<Json>,
): AsyncGenerator<Task<unknown>, Json, unknown> {
  holdOnDivergence(context)
  let host: WorkflowHost | undefined
  try {
    return yield* bridge(context, (tasks) => {
      const its = new WorkflowHost(context, tasks, nonce, start?.spec)
      host = its
      return its.run(() => body(its))
    })
  } catch (error) {
    const json = errorToJson(error, 'HOOK_FAILED')
    const isHeld = isEngineFailure(error) && error.code !== 'CANCELLED'
    host?.tellEnd(isHeld ? 'blocked' : 'failed', json)
    if (isHeld) yield* keepHeld(context)
    throw error
  }
}

async function outputOf({ tasks, nonce }: WorkflowHost, result: Json): Promise<WorkflowOutput> {
  const text = JSON.stringify(result)
  if (text.length <= PAGE_LETTERS) return { result }
  const pages = Math.ceil(text.length / PAGE_LETTERS)
  for (let page = 0; page < pages; page++) {
    const part = text.slice(page * PAGE_LETTERS, (page + 1) * PAGE_LETTERS)
    const call: PageCall = { key: pageKey(nonce, page), text: part }
    await tasks.activity(PAGE, call)
  }
  return { pages }
}

function notHere({ spec, version }: AgentWorkflowInput): HoldfastError {
  return new HoldfastError({
    code: 'TOOL_UNKNOWN',
    kind: 'retryable',
    message:
      version === PROTOCOL
        ? `this worker has no agent '${spec.name}'. Add it to registerAgents(runtime, [${spec.name}]).`
        : `this worker has protocol ${PROTOCOL} of Holdfast, and the run was started with ${version}. Deploy one that knows it.`,
  })
}
