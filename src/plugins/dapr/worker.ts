/** The worker: agents on a workflow runtime, and a runtime that comes back by itself. */
import type { DaprWorkflowClient, WorkflowActivityContext, WorkflowRuntime } from '@dapr/dapr'
import { CommunicationProtocolEnum, DaprClient } from '@dapr/dapr'
import { StepActivities } from './activities.ts'
import type { ActivityOptions } from './activities.ts'
import { activityNames } from './names.ts'
import { Pasts } from './past.ts'
import type { AnswerCall, AnswerReply, AnswerRow, RunEvent, StepCall } from './protocol.ts'
import { ANSWER, EVENT, WORKFLOW } from './protocol.ts'
import { RunRows } from './run-rows.ts'
import type { DaprLogger } from './runtime.ts'
import { isConnected, isRunning, prepareRuntime, routeClient, startRuntime } from './runtime.ts'
import { Store } from './store.ts'
import { Turns } from './turns.ts'
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
  /** For what the SDK's worker says, and `superviseRuntime()`. Default: errors and warnings go to the console, all else nowhere. */
  readonly logger?: DaprLogger
}

interface Registered {
  /** What the runtime has to tell runs while it is connected. */
  readonly deliver: () => Promise<void>
  readonly logger: DaprLogger | undefined
}

const registered = new WeakMap<WorkflowRuntime, Registered>()

/** Registers the ready-made workflow, and all steps of the agents. Once for a runtime, with all its agents. */
export function registerAgents(
  runtime: WorkflowRuntime,
  agents: readonly WorkerAgent[],
  options: RegisterOptions = {},
): WorkflowRuntime {
  const { client = new DaprClient({ communicationProtocol: CommunicationProtocolEnum.GRPC }), ...given } = options
  const { stateStore, workflows = workflowsOf(client), logger, ...rest } = given
  const store = new Store(client, stateStore ?? 'statestore')
  const rows = new RunRows(store)
  const here = { rows, pasts: new Pasts(rows), ...(rest.streams && { streams: rest.streams }) }
  const steps = new StepActivities(rows, { cancelInterval: 500, remember: 50_000_000, ...rest, agents })
  registered.set(runtime, { deliver: () => deliver(workflows, store), logger })
  const wakeUp = (instance: string): void => {
    void workflows.raiseEvent(instance, EVENT, { type: 'wake' } satisfies RunEvent).catch(() => {})
  }
  prepareRuntime(runtime, here, new Turns(wakeUp), logger)
  routeClient(workflows, logger)
  const execute = (_: WorkflowActivityContext, call: StepCall) => steps.execute(call)
  runtime.registerWorkflowWithName(WORKFLOW, agentWorkflow(agents, here))
  for (const name of new Set(agents.flatMap(({ definition }) => activityNames(definition)))) {
    runtime.registerActivityWithName(name, execute)
  }
  runtime.registerActivityWithName(ANSWER, async (_: WorkflowActivityContext, call: AnswerCall) => answer(rows, call))
  return runtime
}

async function answer(rows: RunRows, { nonce, key, of, timedOut }: AnswerCall): Promise<AnswerReply> {
  const closed: AnswerRow = { timedOut: true }
  if (timedOut && (await rows.first(nonce, key, closed))) return { of, row: closed }
  const row = await rows.get<AnswerRow>(key)
  return { of, ...(row && { row }) }
}

export interface SuperviseOptions {
  /** Told in one line when the runtime lost daprd, and when it has it again. Default: the logger of the agents, as a warning. */
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
  const known = registered.get(runtime)
  const { log = (line) => (known?.logger ?? console).warn(line), interval = 500 } = options
  let lost = false
  let starting = startRuntime(runtime)
  let delivering = false
  const tell = async (): Promise<void> => {
    if (delivering) return
    delivering = true
    await known?.deliver().catch(() => {})
    delivering = false
  }
  const look = async (): Promise<void> => {
    await starting
    if (isRunning(runtime)) {
      if (!isConnected(runtime)) return
      if (lost) log('holdfast: the Dapr worker is connected to daprd again.')
      lost = false
      await tell()
      return
    }
    if (!lost) log('holdfast: the Dapr worker has no daprd. It is looked for until it is there.')
    lost = true
    starting = startRuntime(runtime)
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
