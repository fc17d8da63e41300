/** Temporal as the conformance kit drives it: a process is a worker, and the runs live on the server. */
import { randomUUID } from 'node:crypto'
import { Client, Connection } from '@temporalio/client'
import {
  DefaultLogger,
  GracefulShutdownPeriodExpiredError,
  NativeConnection,
  Runtime,
  Worker,
} from '@temporalio/worker'
import type { AgentPlugin, DurabilityPort, OpenWait, RunHandle, RunResult, StreamSink } from 'holdfast'
import { isHoldfastError, memoryStreams } from 'holdfast'
import type { EngineUnderTest, TestAgent, WorldControl } from 'holdfast/testing'
import { createWorld } from 'holdfast/testing'
import { inject } from 'vitest'
import { temporalRuns } from '../../../../src/plugins/temporal/client.ts'
import { temporalDurabilityPlugin } from '../../../../src/plugins/temporal/index.ts'
import { HoldfastPlugin } from '../../../../src/plugins/temporal/worker.ts'

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] })

type Stop = () => Promise<void>

/** Shared, and left open: the client goes on asking for a while after a case has ended. */
let connected: Promise<Connection> | undefined

/** Effects have the run's id in their keys, as the case knows it. */
export function temporalWorldOf(): WorldControl {
  const world = createWorld()
  return { ...world, effect: (key, data) => world.effect(key.replace(/^[0-9a-f-]{36}:/, ''), data) }
}

export async function temporalUnderTest(): Promise<EngineUnderTest> {
  const { address, bundle } = inject('temporal')
  const id = randomUUID()
  connected ??= Connection.connect({ address })
  const connection = await connected
  const client = new Client({ connection })
  const runs = temporalRuns(client, { taskQueue: id, heartbeatTimeout: 3_000, patience: 5_000 })
  // Each case has a namespace of ids of its own on the server that all share.
  const idOf = (runId: string): string => `${id}:${runId}`
  const workers = new Map<AgentPlugin, Stop>()
  const sink = memoryStreams()
  const streams: StreamSink = { ...sink, read: (runId, cursor, signal) => sink.read(idOf(runId), cursor, signal) }

  async function work(agents: readonly TestAgent[], watched: StreamSink = sink): Promise<Stop> {
    // Workers of one task queue do not share a connection.
    const native = await NativeConnection.connect({ address })
    const worker = await Worker.create({
      connection: native,
      taskQueue: id,
      workflowBundle: { codePath: bundle },
      plugins: [new HoldfastPlugin({ agents, heartbeatInterval: 100, streams: watched })],
      stickyQueueScheduleToStartTimeout: '200ms',
      shutdownForceTime: '1s',
    })
    // The SDK's shutdown may fail by itself where workflows are evicted meanwhile; the case has its result then.
    const done = worker.run().catch((error: unknown) => {
      if ((error as Error).name !== 'IllegalStateError' && !(error instanceof GracefulShutdownPeriodExpiredError))
        throw error
    })
    return async () => {
      worker.shutdown()
      await done
      await native.close()
    }
  }

  async function end(plugin: AgentPlugin): Promise<void> {
    const stop = workers.get(plugin)
    workers.delete(plugin)
    await stop?.()
  }

  return {
    async start(agent, watch) {
      const own = temporalDurabilityPlugin()
      const durability = { ...(own.durability as DurabilityPort), streams }
      const plugin: AgentPlugin = { ...own, durability, dispose: () => end(plugin) }
      workers.set(plugin, await work([agent], watch?.(sink)))
      return plugin
    },
    kill: end,
    async run(agent, input, { runId, context, messages, onWait }) {
      const run = await runs.start(agent, input, {
        runId: idOf(runId),
        ...(context !== undefined && { context }),
        ...(messages && { messages }),
      })
      return named(runId, onWait === 'block' ? await run.result() : await untilItWaits(run))
    },
    async respond(runId, waitId, answer) {
      // Without a worker an answer is refused as ENGINE_UNAVAILABLE; one without agents can take it.
      const stop = workers.size === 0 ? await work([]) : undefined
      try {
        await runs.get(idOf(runId)).respond(waitId, answer)
      } finally {
        await stop?.()
      }
    },
    cancel: (runId, reason) => runs.get(idOf(runId)).cancel(reason),
    async dispose() {
      await Promise.all([...workers.keys()].map(end))
    },
  }
}

/** Its result, or what it waits for. */
async function untilItWaits(run: RunHandle): Promise<RunResult> {
  for (;;) {
    // On a busy machine a worker may take longer than the client is patient.
    const { status, waits } = await run.status().catch((error: unknown) => {
      if (isHoldfastError(error, 'ENGINE_UNAVAILABLE')) return { status: 'running', waits: [] } as const
      throw error
    })
    if (status === 'waiting') return waitingResult(run.runId, waits)
    if (status !== 'running' && status !== 'blocked') return run.result()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function waitingResult(runId: string, waits: readonly OpenWait[]): RunResult {
  const nothing = { messages: [], usage: {}, turns: 0, text: '' }
  return { runId, status: 'waiting', waits, ...nothing, state: { plugins: {} } as unknown as RunResult['state'] }
}

/** With the ids that the case knows. */
function named(runId: string, result: RunResult): RunResult {
  return { ...result, runId, state: { ...result.state, runId } }
}
