/** Runs as workflows: the ready-made one, and the adapter for those of one's own. */
import type { Task, WorkflowContext } from '@dapr/dapr'
import type { AgentDefinition, Json, RunResult } from '../../index.ts'
import { errorToJson, HoldfastError, isEngineFailure, runPinned } from '../../index.ts'
import { bridge } from './bridge.ts'
import { holdOnDivergence, keepHeld } from './hold.ts'
import type { HostOptions } from './host.ts'
import { WorkflowHost } from './host.ts'
import { daprDurabilityPlugin } from './plugin.ts'
import type { RuntimeHere } from './runtime.ts'
import { runtimeHere } from './runtime.ts'
import { isStart, wholeStart } from './starts.ts'
import type { AgentWorkflowInput, HeldWorkflowInput, LiveStatus, WorkflowOutput } from './protocol.ts'
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
  return async function* (context, input) {
    const here = runtimeHere()
    const given = isStart(input) ? input : undefined
    const nonce = given?.nonce ?? context.getWorkflowInstanceId()
    return yield* inWorkflow(context, nonce, here, given, async (host, start) => {
      const output = await body((start ?? input) as Input, context)
      return start && isResult(output) ? await outputOf(host, output) : (output as Json)
    })
  }
}

/** The workflow that `daprRuns(client).start()` starts, for the agents that a worker has. */
export function agentWorkflow(
  agents: readonly WorkerAgent[],
  here: RuntimeHere,
): DaprWorkflow<AgentWorkflowInput | HeldWorkflowInput> {
  const known = new Map(agents.map((agent) => [agent.name, agent]))
  return (context, given) =>
    inWorkflow(context, given.nonce, { ...here, continues: true }, given, async (host, start) => {
      if (start?.version !== PROTOCOL) throw otherProtocol(given.version)
      const { input, context: json, messages, spec, runId } = start
      const agent = known.get(spec.name)
      if (!agent) throw notHere(spec.name)
      const isDurable = agent.definition.plugins.some(({ durability }) => durability)
      const result = await runPinned(agent, spec, input, {
        runId,
        ...(json !== undefined && { context: json }),
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
  given: AgentWorkflowInput | HeldWorkflowInput | undefined,
  body: (host: WorkflowHost, start: AgentWorkflowInput | undefined) => Promise<Json>,
): AsyncGenerator<Task<unknown>, Json, unknown> {
  holdOnDivergence(context)
  let host: WorkflowHost | undefined
  try {
    const { rows, pasts } = options
    const start = given && (await wholeStart(rows, given))
    const past = await pasts.load(nonce, start?.past ?? [])
    const output = yield* bridge(context, (tasks) => {
      const its = new WorkflowHost(context, tasks, nonce, { ...options, past, ...(start && { start }) })
      host = its
      return its.run(() => body(its, start))
    })
    // Continued as new, it gives nothing.
    if (output !== undefined) closeStream(context, options, given)
    return output
  } catch (error) {
    const json = errorToJson(error, 'HOOK_FAILED')
    const isHeld = isEngineFailure(error) && error.code !== 'CANCELLED'
    tellEnd(context, { agent: host?.agent ?? '', status: isHeld ? 'blocked' : 'failed', waits: [], error: json })
    if (!isHeld) closeStream(context, options, given)
    else yield* keepHeld(context, json.kind === 'retryable')
    throw error
  }
}

/** Milliseconds: what was said was published before the run's end, but maybe elsewhere, and a sink may take a moment to show it. */
const SETTLE = 100

/** Readers are told that nothing more comes. */
function closeStream(
  context: WorkflowContext,
  { streams }: HostOptions,
  start: { readonly runId: string } | undefined,
): void {
  if (!streams?.close || context.isReplaying()) return
  const runId = start?.runId ?? context.getWorkflowInstanceId()
  // Only the live view: the run has its result.
  setTimeout(() => void streams.close?.(runId).catch(() => {}), SETTLE)
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

function isResult(output: unknown): output is RunResult {
  const result = output as Partial<RunResult> | null | undefined
  return typeof result === 'object' && result !== null && Array.isArray(result.messages) && 'state' in result
}

function notHere(agent: string): HoldfastError {
  return new HoldfastError({
    code: 'TOOL_UNKNOWN',
    kind: 'retryable',
    message: `this worker has no agent '${agent}'. Add it to registerAgents(runtime, [${agent}]).`,
  })
}

function otherProtocol(version: number): HoldfastError {
  return new HoldfastError({
    code: 'TOOL_UNKNOWN',
    kind: 'retryable',
    message: `this worker has protocol ${PROTOCOL} of Holdfast, and the run was started with ${version}. Deploy one that knows it.`,
  })
}
