/** Runs as workflows: the ready-made one, and the adapter for those of one's own. */
import type { Task, WorkflowContext } from '@dapr/dapr'
import type { AgentDefinition, Json, RunResult } from '../../index.ts'
import { errorToJson, HoldfastError, isEngineFailure, runPinned } from '../../index.ts'
import { bridge } from './bridge.ts'
import { holdOnDivergence, keepHeld } from './hold.ts'
import type { HostOptions } from './host.ts'
import { WorkflowHost } from './host.ts'
import { daprDurabilityPlugin } from './plugin.ts'
import { runtimeHere } from './runtime.ts'
import type { AgentWorkflowInput, LiveStatus, WorkflowOutput } from './protocol.ts'
import { PAGE_LETTERS, PROTOCOL, resultKey } from './protocol.ts'

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
 * for one of them. On a runtime with `registerAgents()`.
 *
 *     runtime.registerWorkflowWithName('trip', daprWorkflow(async (input) => (await travel.run(input)).text))
 *
 * One that `daprRuns(client).start(agent, input, { workflow: 'trip' })` starts is given an `AgentWorkflowInput`, and gives the
 * `RunResult` of the run whose id is in it:
 *
 *     daprWorkflow(async ({ runId, input }: AgentWorkflowInput) => travel.run(input, { runId }))
 */
export function daprWorkflow<Input>(
  body: (input: Input, context: WorkflowContext) => Promise<unknown>,
): DaprWorkflow<Input> {
  return (context, input) => {
    const start = isStart(input) ? input : undefined
    const own = { ...runtimeHere(), ...(start && { start }) }
    return inWorkflow(context, start?.nonce ?? context.getWorkflowInstanceId(), own, async (host) => {
      const output = await body(input, context)
      return start && isResult(output) ? await outputOf(host, output) : (output as Json)
    })
  }
}

/** The workflow that `daprRuns(client).start()` starts, for the agents that a worker has. */
export function agentWorkflow(
  agents: readonly WorkerAgent[],
  own: Pick<HostOptions, 'rows' | 'pasts'>,
): DaprWorkflow<AgentWorkflowInput> {
  const known = new Map(agents.map((agent) => [agent.name, agent]))
  return (context, start) =>
    inWorkflow(context, start.nonce, { ...own, start, continues: true }, async (host) => {
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
      return outputOf(host, result)
    })
}

async function* inWorkflow(
  context: WorkflowContext,
  nonce: string,
  options: HostOptions,
  body: (host: WorkflowHost) => Promise<Json>,
): AsyncGenerator<Task<unknown>, Json, unknown> {
  holdOnDivergence(context)
  let host: WorkflowHost | undefined
  try {
    const { start, pasts } = options
    const past = await pasts.load(nonce, start?.past ?? [])
    return yield* bridge(context, (tasks) => {
      const its = new WorkflowHost(context, tasks, nonce, { ...options, past })
      host = its
      return its.run(() => body(its))
    })
  } catch (error) {
    const json = errorToJson(error, 'HOOK_FAILED')
    const isHeld = isEngineFailure(error) && error.code !== 'CANCELLED'
    tellEnd(context, { agent: host?.agent ?? '', status: isHeld ? 'blocked' : 'failed', waits: [], error: json })
    if (isHeld) yield* keepHeld(context)
    throw error
  }
}

function tellEnd(context: WorkflowContext, status: LiveStatus): void {
  context.setCustomStatus(JSON.stringify(status))
}

async function outputOf(host: WorkflowHost, result: RunResult): Promise<Json> {
  // Messages once: the client puts them back into the state.
  const whole = { ...result, state: { ...result.state, messages: [] } } as unknown as Json
  const text = JSON.stringify(whole)
  if (text.length <= PAGE_LETTERS) return { result: whole } satisfies WorkflowOutput
  return { pages: await host.keepText(resultKey(host.nonce), text) } satisfies WorkflowOutput
}

function isStart(input: unknown): input is AgentWorkflowInput {
  const start = input as Partial<AgentWorkflowInput> | null | undefined
  return typeof start === 'object' && start !== null && typeof start.nonce === 'string' && start.spec !== undefined
}

function isResult(output: unknown): output is RunResult {
  const result = output as Partial<RunResult> | null | undefined
  return typeof result === 'object' && result !== null && Array.isArray(result.messages) && 'state' in result
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
