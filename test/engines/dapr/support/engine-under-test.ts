/** Dapr as the conformance kit drives it: a process is a worker in this one, at the end of a line that is cut when it dies. */
import { setTimeout } from 'node:timers/promises'
import { DaprWorkflowClient, WorkflowRuntime } from '@dapr/dapr'
import type { AgentPlugin, DurabilityPort, OpenWait, RunHandle, RunResult } from 'holdfast'
import { errorFromJson, memoryStreams } from 'holdfast'
import type { EngineUnderTest } from 'holdfast/testing'
import { daprDurabilityPlugin, daprRuns, registerAgents, superviseRuntime } from '../../../../src/plugins/dapr/index.ts'
import { ENDED } from '../../../../src/plugins/dapr/look.ts'
import { EVENT, instanceId } from '../../../../src/plugins/dapr/protocol.ts'
import type { DaprApp } from '../../../../tools/dapr/cluster.mjs'
import { standBy, untilWorkers } from './bystander.ts'
import { lineTo } from './line.ts'
import { clientOf } from './client.ts'

/** @param daprd of an app that no other case uses */
export function daprUnderTest(daprd: DaprApp): EngineUnderTest {
  const at = { daprHost: daprd.host, daprPort: String(daprd.grpcPort) }
  const workflows = new DaprWorkflowClient(at)
  const client = clientOf(daprd)
  const runs = daprRuns(client, { workflows })
  /** Runs that were begun, and when they are known to Dapr. */
  const begun = new Map<string, Promise<unknown>>()
  const workers = new Map<AgentPlugin, () => void>()
  const sink = memoryStreams()

  let leave: (() => void) | undefined

  async function end(plugin: AgentPlugin): Promise<void> {
    const cut = workers.get(plugin)
    if (!cut) return
    workers.delete(plugin)
    if (workers.size === 0 && !leave) {
      leave = standBy(daprd)
      await untilWorkers(daprd, 2)
    }
    cut()
  }

  return {
    async start(agent, watch) {
      const own = daprDurabilityPlugin()
      const durability = { ...(own.durability as DurabilityPort), streams: sink }
      const plugin: AgentPlugin = { ...own, durability, dispose: () => end(plugin) }
      const line = await lineTo(daprd.host, daprd.grpcPort)
      const runtime = new WorkflowRuntime({ daprHost: '127.0.0.1', daprPort: String(line.port) })
      const near = clientOf({ host: '127.0.0.1', grpcPort: line.port })
      registerAgents(runtime, [agent], { client: near, cancelInterval: 100, streams: watch?.(sink) ?? sink })
      const supervisor = superviseRuntime(runtime, { log: () => {}, interval: 100 })
      workers.set(plugin, () => {
        line.cut()
        // What a dead process was doing never ends.
        void supervisor.stop().catch(() => {})
      })
      await untilWorkers(daprd, leave ? 2 : 1)
      leave?.()
      leave = undefined
      return plugin
    },
    kill: end,
    async run(agent, input, { runId, context, messages, onWait }) {
      const isKnown = begun.has(runId)
      const starting = runs.start(agent, input, {
        runId,
        ...(context !== undefined && { context }),
        ...(messages && { messages }),
      })
      begun.set(
        runId,
        starting.catch(() => {}),
      )
      const run = await starting
      if (isKnown) await untilTakenUp(workflows, instanceId(runId))
      return onWait === 'block' ? await run.result() : await untilItWaits(run)
    },
    respond: (runId, waitId, answer) => runs.get(runId).respond(waitId, answer),
    async cancel(runId, reason) {
      // Where a case gives a run a moment to begin, Dapr may need two.
      await begun.get(runId)
      await runs.get(runId).cancel(reason)
    },
    async dispose() {
      await Promise.all([...workers.keys()].map(end))
      await workflows.stop()
      await daprd.kill()
    },
  }
}

/**
 * Resolves when a worker has gone through a run that was begun before: what is known of it then is what the present worker
 * says, and not the last one.
 */
async function untilTakenUp(workflows: DaprWorkflowClient, instance: string): Promise<void> {
  const before = await stateOf(workflows, instance)
  if (before.ended) return
  // Dapr takes it when a worker is connected.
  while (!(await raise(workflows, instance))) await setTimeout(20)
  for (;;) {
    const { ended, updatedAt } = await stateOf(workflows, instance)
    if (ended || updatedAt > before.updatedAt) return
    await setTimeout(20)
  }
}

async function stateOf(
  workflows: DaprWorkflowClient,
  instance: string,
): Promise<{ readonly ended: boolean; readonly updatedAt: number }> {
  const state = await workflows.getWorkflowState(instance, false).catch(() => undefined)
  return {
    ended: state !== undefined && ENDED.has(state.runtimeStatus),
    updatedAt: state?.lastUpdatedAt.getTime() ?? 0,
  }
}

function raise(workflows: DaprWorkflowClient, instance: string): Promise<boolean> {
  return workflows.raiseEvent(instance, EVENT, { type: 'wake' }).then(
    () => true,
    () => false,
  )
}

/** Its result, or what it waits for. */
async function untilItWaits(run: RunHandle): Promise<RunResult> {
  for (;;) {
    const { status, waits, error } = await run.status()
    if (status === 'blocked' && error?.code === 'DIVERGED') throw errorFromJson(error)
    if (status === 'waiting') return waitingResult(run.runId, waits)
    if (status !== 'running' && status !== 'blocked') return run.result()
    await setTimeout(20)
  }
}

function waitingResult(runId: string, waits: readonly OpenWait[]): RunResult {
  const nothing = { messages: [], usage: {}, turns: 0, text: '' }
  return { runId, status: 'waiting', waits, ...nothing, state: { plugins: {} } as unknown as RunResult['state'] }
}
