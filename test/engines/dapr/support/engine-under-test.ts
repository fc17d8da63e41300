/** Dapr as the conformance kit drives it: a process is a worker in this one, at the end of a line that is cut when it dies. */
import { DaprWorkflowClient, WorkflowRuntime } from '@dapr/dapr'
import type { AgentPlugin, OpenWait, RunHandle, RunResult } from 'holdfast'
import { errorFromJson } from 'holdfast'
import type { EngineUnderTest } from 'holdfast/testing'
import { daprDurabilityPlugin, daprRuns, registerAgents, superviseRuntime } from '../../../../src/plugins/dapr/index.ts'
import type { DaprApp } from '../../../../tools/dapr/cluster.mjs'
import { lineTo } from './line.ts'
import { clientOf } from './client.ts'

/** @param daprd of an app that no other case uses */
export function daprUnderTest(daprd: DaprApp): EngineUnderTest {
  const at = { daprHost: daprd.host, daprPort: String(daprd.grpcPort) }
  const workflows = new DaprWorkflowClient(at)
  const client = clientOf(daprd)
  const runs = daprRuns(client, { workflows })
  const begun = new Set<string>()
  const workers = new Map<AgentPlugin, () => void>()

  async function end(plugin: AgentPlugin): Promise<void> {
    workers.get(plugin)?.()
    workers.delete(plugin)
  }

  return {
    async start(agent) {
      const plugin: AgentPlugin = { ...daprDurabilityPlugin(), dispose: () => end(plugin) }
      const line = await lineTo(daprd.host, daprd.grpcPort)
      const runtime = new WorkflowRuntime({ daprHost: '127.0.0.1', daprPort: String(line.port) })
      const own = clientOf({ host: '127.0.0.1', grpcPort: line.port })
      registerAgents(runtime, [agent], { client: own, cancelInterval: 100 })
      const supervisor = superviseRuntime(runtime, { log: () => {}, interval: 100 })
      workers.set(plugin, () => {
        line.cut()
        // What a dead process was doing never ends.
        void supervisor.stop().catch(() => {})
      })
      return plugin
    },
    kill: end,
    async run(agent, input, { runId, context, messages, onWait }) {
      const still = begun.has(runId) ? STILL : 0
      begun.add(runId)
      const run = await runs.start(agent, input, {
        runId,
        ...(context !== undefined && { context }),
        ...(messages && { messages }),
      })
      return onWait === 'block' ? await run.result() : await untilItWaits(run, still)
    },
    respond: (runId, waitId, answer) => runs.get(runId).respond(waitId, answer),
    cancel: (runId, reason) => runs.get(runId).cancel(reason),
    async dispose() {
      await Promise.all([...workers.keys()].map(end))
      await workflows.stop()
      await daprd.kill()
    },
  }
}

/** For so many milliseconds a run that was taken up must wait to be one that waits: its worker has just been started. */
const STILL = 4_000

/** Its result, or what it waits for. */
async function untilItWaits(run: RunHandle, still: number): Promise<RunResult> {
  let since = Date.now()
  let before = ''
  for (;;) {
    const { status, waits, error } = await run.status()
    const now = `${status} ${waits.map(({ id }) => id)}`
    if (now !== before) since = Date.now()
    before = now
    const isStill = Date.now() - since >= still
    if (status === 'blocked' && error?.code === 'DIVERGED' && isStill) throw errorFromJson(error)
    if (status === 'waiting' && isStill) return waitingResult(run.runId, waits)
    if (status !== 'running' && status !== 'waiting' && status !== 'blocked') return run.result()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function waitingResult(runId: string, waits: readonly OpenWait[]): RunResult {
  const nothing = { messages: [], usage: {}, turns: 0, text: '' }
  return { runId, status: 'waiting', waits, ...nothing, state: { plugins: {} } as unknown as RunResult['state'] }
}
