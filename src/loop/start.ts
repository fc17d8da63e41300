/** A run from outside of the loop: checks that the agent and its engine fit, pins what defines the run, opens its scope. */
import type { AgentDefinition } from '../definition.ts'
import { HoldfastError, isHoldfastError, isSuspended } from '../errors.ts'
import { HookBus } from '../hooks/hook-bus.ts'
import type { Json } from '../json.ts'
import { invoke } from '../loop.ts'
import type { RunState } from '../machine.ts'
import { startRun } from '../machine.ts'
import { APP, checkPluginNames, orderPlugins } from './order.ts'
import type { AgentPlugin } from '../plugin.ts'
import type { RunInput, RunOptions } from '../run.ts'
import type { RunSetup } from './run-context.ts'
import { busOf, Frame, RunContext } from './run-context.ts'
import type { Pinned } from '../execute/opening.ts'
import { hasLargeFiles } from '../execute/opening.ts'
import type { AgentSpec } from '../spec.ts'
import { IO_POLICY, needTask } from './stepping.ts'
import type { StepDescriptor } from '../step.ts'

export interface StartRequest extends Pick<RunSetup, 'onChunk' | 'onEvent'> {
  readonly input: RunInput
  readonly options: RunOptions
  /** Go on from here, with what the interrupted batch already has. */
  readonly state?: RunState
  readonly kept?: { readonly [id: string]: Json }
}

/** Run an agent to the end, or until it waits. Gives the machine's state. */
export async function startAgentRun(base: AgentDefinition, request: StartRequest): Promise<RunState> {
  const { options, state } = request
  const definition = withPlugins(base, options.plugins ?? [])
  const port = checkPlugins(definition, options.plugins ?? [])
  checkSupported(definition.spec, port, options)
  const context = state?.context ?? options.context ?? null
  const runId = state?.runId ?? options.runId ?? port?.durability?.currentRunId?.() ?? randomId()
  const run = new RunContext({
    runId,
    context,
    onWait: options.onWait ?? 'return',
    definition,
    ...(request.onChunk && { onChunk: request.onChunk }),
    ...(request.onEvent && { onEvent: request.onEvent }),
  })
  for (const [id, json] of Object.entries(request.kept ?? {})) run.keep(id, json)
  const unlink = linkSignal(run, options.signal)
  try {
    return await openRun(run, definition, request, runId, context)
  } finally {
    unlink()
  }
}

async function openRun(
  run: RunContext,
  definition: AgentDefinition,
  { input, options, state }: StartRequest,
  runId: string,
  context: Json,
): Promise<RunState> {
  const bus = options.plugins?.length ? new HookBus(definition.plugins) : busOf(definition)
  const { messages } = options
  const opening = { input, ...(messages && { messages }) }
  const what = { ...opening, ...(options.context !== undefined && { context }) } as unknown as Json
  const step: StepDescriptor<'agent'> = {
    kind: 'agent',
    id: 'run',
    execution: 1,
    name: definition.spec.name,
    input: what,
    policy: { effect: 'repeatable' },
  }
  const starting = ({ spec = definition.spec, ...said }: Partial<Pinned>): Frame => {
    const start = { runId, context, ...opening, ...said }
    return new Frame(run, definition, bus, startRun(spec, start))
  }
  let frame = state
    ? new Frame(run, definition, bus, { ...state, status: 'running', waits: [], kept: {} })
    : starting({})
  const body = async (): Promise<RunState> => {
    try {
      if (!state && (run.port ? !run.byName : run.payloads && hasLargeFiles(opening))) {
        frame = starting(await startOfRun(frame, what))
      }
      await invoke(frame, step)
    } catch (error) {
      if (isSuspended(error) && run.openWaits.length > 0) return frame.snapshot('waiting')
      if (!isSuspended(error)) await closeStreams(run)
      throw error
    }
    await closeStreams(run)
    return frame.snapshot()
  }
  return run.scope ? run.scope(step, body, frame.info) : body()
}

/** Without an engine nobody else knows that the run has ended. */
async function closeStreams({ port, streams, runId }: RunContext): Promise<void> {
  if (port) return
  try {
    await streams?.close?.(runId)
  } catch {
    // Only the live view: the run has its result.
  }
}

/** A run that is cancelled before its first record ends as any cancelled one does. */
async function startOfRun(frame: Frame, what: Json): Promise<Partial<Pinned>> {
  try {
    return await pin(frame, what)
  } catch (error) {
    if (!frame.run.cancellation.error || !isHoldfastError(error, 'CANCELLED')) throw error
    return {}
  }
}

/**
 * The first record of a run: what it was started with (so that another input is found), its spec (so that a deploy changes
 * nothing), and the references of its large files.
 */
async function pin(frame: Frame, what: Json): Promise<Pinned> {
  try {
    const pinned = await needTask(frame, {
      kind: 'task',
      id: '0/start',
      execution: 1,
      name: 'holdfast.start',
      input: what,
      policy: IO_POLICY,
    })
    const { spec, ...said } = pinned as unknown as Pinned
    return { ...said, spec: sameJson(spec, frame.state.spec) ? frame.state.spec : spec }
  } catch (error) {
    if (!isHoldfastError(error, 'DIVERGED')) throw error
    throw new HoldfastError({
      code: 'RUN_CONFLICT',
      message: `run '${frame.run.runId}' is known with another input. Take another runId, or give the input that it was started with.`,
      details: { runId: frame.run.runId },
      cause: error,
    })
  }
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function withPlugins(base: AgentDefinition, extra: readonly AgentPlugin[]): AgentDefinition {
  if (extra.length === 0) return base
  const plugins = [...base.plugins, ...extra]
  checkPluginNames(
    plugins.filter((plugin) => plugin.name !== APP || extra.includes(plugin)),
    base.spec.name,
  )
  return { ...base, plugins: orderPlugins(plugins) }
}

function checkPlugins(definition: AgentDefinition, extra: readonly AgentPlugin[]): AgentPlugin | undefined {
  const durable = definition.plugins.filter(({ durability }) => durability)
  const names = durable.map(({ name }) => `'${name}'`).join(' and ')
  if (durable.length > 1) {
    throw new HoldfastError({
      code: 'DURABILITY_CONFLICT',
      message: `agent '${definition.spec.name}' has more than one durability plugin: ${names}. A run has one engine: take the others out.`,
    })
  }
  const [plugin] = durable
  const lost =
    plugin?.durability?.dispatch === 'name' ? extra.find(({ middleware, tasks }) => middleware || tasks) : undefined
  if (lost) {
    throw new HoldfastError({
      code: 'STEP_CLOSURE_LOST',
      message: `plugin '${lost.name}' was given for one run, and engine '${plugin?.durability?.engine}' executes steps on a worker, which would never run its middleware and tasks. Add it with use().`,
      details: { plugin: lost.name },
    })
  }
  return plugin
}

/** What the agent needs of its engine is there, or the run does not start. */
function checkSupported(spec: AgentSpec, plugin: AgentPlugin | undefined, { onWait }: RunOptions): void {
  const port = plugin?.durability
  if (!port) {
    if (onWait === 'block') {
      throw unsupported("onWait: 'block' needs a durability plugin. Leave it out and use agent.resume().")
    }
    return
  }
  for (const { name, approval, policy, agent } of spec.tools) {
    if (approval !== 'never' && !port.supports.waits) {
      throw unsupported(`tool '${name}' needs approvals, and engine '${port.engine}' does not support waits.`)
    }
    if (policy.effect === 'once' && port.dispatch === 'name' && !port.supports.once) {
      throw unsupported(`tool '${name}' has effect 'once', which engine '${port.engine}' does not support.`)
    }
    if (agent) checkSupported(agent, plugin, {})
  }
}

function unsupported(message: string): HoldfastError {
  return new HoldfastError({ code: 'UNSUPPORTED', message })
}

function linkSignal(run: RunContext, signal: AbortSignal | undefined): () => void {
  if (!signal) return () => {}
  const cancel = (): void => run.cancellation.cancel(typeof signal.reason === 'string' ? signal.reason : undefined)
  if (signal.aborted) cancel()
  signal.addEventListener('abort', cancel, { once: true })
  return () => signal.removeEventListener('abort', cancel)
}

/** Only where neither the caller nor the engine gives an id: a run that nobody means to find again. */
function randomId(): string {
  return `run-${Math.random().toString(36).slice(2)}${Math.random().toString(36).slice(2)}`
}
