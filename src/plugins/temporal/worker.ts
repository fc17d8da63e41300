/** Holdfast on Temporal, worker side: executes the steps of the agents that it is given. */
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { SimplePlugin } from '@temporalio/plugin'
import type { InjectedSinks, WorkerOptions, WorkflowBundleOption } from '@temporalio/worker'
import type { PayloadStore, StreamSink } from '../../index.ts'
import type { WorkerAgent } from './activities.ts'
import { stepActivities } from './activities.ts'
import { closeStream } from './close-stream.ts'
import { payloadLimit, SINKS } from './protocol.ts'
import type { ToldEvent } from './tell.ts'

export type { WorkerAgent } from './activities.ts'
export { type PayloadStorageOptions, payloadStorage } from './payload-storage.ts'

export interface HoldfastPluginOptions {
  /** Agents whose steps this worker executes; their sub-agents come with them. */
  readonly agents: readonly WorkerAgent[]
  /** Where tokens and progress go. Give the same to `temporalRuns()` to read them. Default: each agent's own. */
  readonly streams?: StreamSink
  /** Where large files of models go. Default: each agent's own. */
  readonly payloads?: PayloadStore
  /** Milliseconds between the signs of life of a running step: a cancel is seen with the next one. Default: 1,000. */
  readonly heartbeatInterval?: number
  /** Letters of conversations that are remembered between model calls; what is not, the run is asked for. Default: 64 M. */
  readonly remember?: number
}

/**
 * Goes into `Worker.create({ plugins: [new HoldfastPlugin({ agents })] })`: the activities of the agents, what tells their
 * observers, and the ready-made workflow unless the worker has workflows of its own (these export `agentWorkflow` of
 * `holdfast/temporal` where they want it, too).
 */
export class HoldfastPlugin extends SimplePlugin {
  readonly #options: HoldfastPluginOptions
  readonly #configured: { payloadLimit: number }

  constructor(options: HoldfastPluginOptions) {
    const { agents, streams, payloads, heartbeatInterval = 1_000, remember = 64_000_000 } = options
    const configured = { payloadLimit: payloadLimit({}) }
    super({
      name: 'holdfast',
      activities: stepActivities({
        agents,
        heartbeatInterval,
        remember,
        payloadLimit: () => configured.payloadLimit,
        ...(streams && { streams }),
        ...(payloads && { payloads }),
      }),
    })
    this.#options = options
    this.#configured = configured
  }

  override configureWorker(options: WorkerOptions): WorkerOptions {
    const { agents, streams, heartbeatInterval = 1_000 } = this.#options
    const own = options.workflowBundle ?? options.workflowsPath
    const stored = options.dataConverter?.externalStorage?.payloadSizeThreshold
    this.#configured.payloadLimit = payloadLimit(stored === undefined ? {} : { externalStorage: stored })
    return super.configureWorker({
      // After a worker was lost, its workflows are taken up elsewhere this much later. The SDK's default is 10 s.
      stickyQueueScheduleToStartTimeout: '2s',
      maxHeartbeatThrottleInterval: heartbeatInterval,
      ...options,
      ...(own === undefined && readyMadeWorkflow()),
      sinks: { ...options.sinks, ...sinksOf(agents, streams) },
    })
  }
}

/** Built with the package; from the sources it is bundled when the worker is made. */
function readyMadeWorkflow(): { workflowBundle: WorkflowBundleOption } | { workflowsPath: string } {
  const built = fileURLToPath(new URL('./workflow-bundle.js', import.meta.url))
  if (existsSync(built)) return { workflowBundle: { codePath: built } }
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return { workflowsPath: fileURLToPath(new URL(`./workflow.${extension}`, import.meta.url)) }
}

function sinksOf(
  agents: readonly WorkerAgent[],
  streams: StreamSink | undefined,
): InjectedSinks<Record<string, never>> {
  const byName = new Map(agents.map((agent) => [agent.name, agent]))
  const tell = ({ root, event }: ToldEvent): void => {
    const definition = byName.get(root)?.definition
    for (const { observe, durability } of definition?.plugins ?? []) {
      if (durability) continue
      try {
        observe?.(event)
      } catch {
        // An observer has no say in the run.
      }
    }
    const { runId } = event.id
    if (event.type === 'run-finished' && event.agent === root) void closeStream(streams ?? definition?.streams, runId)
  }
  const events = (_info: unknown, json: string): void => {
    for (const told of JSON.parse(json) as ToldEvent[]) tell(told)
  }
  // Synchronous, so that events keep their order.
  return { [SINKS]: { events: { fn: events, callDuringReplay: false } } } as unknown as InjectedSinks<
    Record<string, never>
  >
}
