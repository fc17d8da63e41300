/** The worker: agents on a workflow runtime, and a runtime that comes back by itself. */
import type { DaprWorkflowClient, WorkflowActivityContext, WorkflowRuntime } from '@dapr/dapr'
import { CommunicationProtocolEnum, DaprClient } from '@dapr/dapr'
import { StepActivities } from './activities.ts'
import type { ActivityOptions } from './activities.ts'
import { activityNames } from './names.ts'
import type { AnswerCall, AnswerReply, AnswerRow, PageCall, StepCall } from './protocol.ts'
import { ANSWER, PAGE, WORKFLOW } from './protocol.ts'
import { Store } from './store.ts'
import { deliver, workflowsOf } from './wakes.ts'
import type { WorkerAgent } from './workflow.ts'
import { agentWorkflow } from './workflow.ts'

export interface RegisterOptions extends Partial<Omit<ActivityOptions, 'agents'>> {
  /** For the state store; over gRPC. Default: one as the environment says, like that of the runtime. */
  readonly client?: DaprClient
  /** The state store's name. Default: `statestore`. */
  readonly stateStore?: string
  /** Default: one for the same daprd as `client`. */
  readonly workflows?: DaprWorkflowClient
}

/** What a runtime has to tell runs while it is connected. */
const deliveries = new WeakMap<WorkflowRuntime, () => Promise<void>>()

/** Registers the ready-made workflow, and all steps of the agents. Once for a runtime, with all its agents. */
export function registerAgents(
  runtime: WorkflowRuntime,
  agents: readonly WorkerAgent[],
  options: RegisterOptions = {},
): WorkflowRuntime {
  const { client = new DaprClient({ communicationProtocol: CommunicationProtocolEnum.GRPC }), ...given } = options
  const { stateStore, workflows = workflowsOf(client), ...rest } = given
  const store = new Store(client, stateStore ?? 'statestore')
  const steps = new StepActivities(store, { cancelInterval: 500, remember: 50_000_000, ...rest, agents })
  deliveries.set(runtime, () => deliver(workflows, store))
  const execute = (_: WorkflowActivityContext, call: StepCall) => steps.execute(call)
  runtime.registerWorkflowWithName(WORKFLOW, agentWorkflow(agents))
  for (const name of new Set(agents.flatMap(({ definition }) => activityNames(definition)))) {
    runtime.registerActivityWithName(name, execute)
  }
  runtime.registerActivityWithName(ANSWER, async (_: WorkflowActivityContext, call: AnswerCall) => answer(store, call))
  runtime.registerActivityWithName(PAGE, async (_: WorkflowActivityContext, { key, text }: PageCall) => {
    await store.put(key, { text })
    return { done: true }
  })
  return runtime
}

async function answer(store: Store, { key, of, timedOut }: AnswerCall): Promise<AnswerReply> {
  const closed: AnswerRow = { timedOut: true }
  if (timedOut && (await store.first(key, closed))) return { of, row: closed }
  const row = await store.get<AnswerRow>(key)
  return { of, ...(row && { row }) }
}

export interface SuperviseOptions {
  /** Told in one line when the runtime lost daprd, and when it has it again. Default: `console.warn`. */
  readonly log?: (line: string) => void
  /** Milliseconds between looks. Default: 500. */
  readonly interval?: number
}

export interface Supervisor {
  /** Stops the runtime; resolves when what it was doing is done, after 30 s at most. */
  stop(): Promise<void>
}

/**
 * Starts a runtime and starts it again whenever it has lost daprd, which it does not do by itself: also where daprd is not
 * there yet. Look after its process otherwise as usual.
 */
export function superviseRuntime(runtime: WorkflowRuntime, options: SuperviseOptions = {}): Supervisor {
  const { log = console.warn, interval = 500 } = options
  let lost = false
  let starting: Promise<void> = runtime.start()
  let delivering = false
  const tell = async (): Promise<void> => {
    if (delivering) return
    delivering = true
    await deliveries
      .get(runtime)?.()
      .catch(() => {})
    delivering = false
  }
  const look = async (): Promise<void> => {
    await starting
    if (isRunning(runtime)) {
      if (!connected(runtime)) return
      if (lost) log('holdfast: the Dapr worker is connected to daprd again.')
      lost = false
      await tell()
      return
    }
    if (!lost) log('holdfast: the Dapr worker has no daprd. It is looked for until it is there.')
    lost = true
    starting = runtime.start()
  }
  const timer = setInterval(() => void look().catch(() => {}), interval)
  return {
    async stop() {
      clearInterval(timer)
      await starting.catch(() => {})
      if (isRunning(runtime)) await runtime.stop()
    },
  }
}

interface Inner {
  readonly _isRunning?: boolean
  readonly _responseStream?: { readonly destroyed?: boolean } | null
}

function innerOf(runtime: WorkflowRuntime): Inner {
  return (runtime as unknown as { readonly worker?: Inner }).worker ?? {}
}

/** The SDK's worker ends without a word where its stream breaks; it keeps that to itself. */
function isRunning(runtime: WorkflowRuntime): boolean {
  return innerOf(runtime)._isRunning !== false
}

function connected(runtime: WorkflowRuntime): boolean {
  const stream = innerOf(runtime)._responseStream
  return stream !== null && stream !== undefined && stream.destroyed !== true
}
