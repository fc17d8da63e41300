/** The engine as the conformance kit drives it: processes are workers in this one, their storage is a file. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentPlugin, RunnableAgent, RunResult } from 'holdfast'
import { isEngineFailure } from 'holdfast'
import type { EngineUnderTest } from 'holdfast/testing'
import { OpenWorkflow } from 'openworkflow'
import { connectBackend } from './backend.ts'
import { agentWorkflow, openworkflowDurabilityPlugin } from './openworkflow-plugin.ts'
import { openworkflowRuns } from './openworkflow-runs.ts'

const TICK = 5

export async function create(): Promise<EngineUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-openworkflow-'))
  const backend = connectBackend(join(folder, 'openworkflow.db'))
  const runs = openworkflowRuns(backend)
  const dead = new Set<AgentPlugin>()
  const taken = new Map<AgentPlugin, Set<string>>()
  const durable = ({ definition }: Parameters<EngineUnderTest['start']>[0]): AgentPlugin =>
    definition.plugins.find(({ durability }) => durability) as AgentPlugin

  return {
    start: () => openworkflowDurabilityPlugin(),
    async run(agent, input, { runId, context, messages, ...options }) {
      const plugin = durable(agent)
      let outcome: { readonly result: RunResult } | { readonly error: unknown } | undefined
      /** What the loop says of the run, which the engine hears of only when it has ended. */
      const told: RunnableAgent = {
        name: agent.name,
        describe: () => agent.describe(),
        async run(given, all) {
          taken.set(plugin, (taken.get(plugin) ?? new Set()).add(all?.runId ?? ''))
          try {
            const result = await agent.run(given, { ...options, ...all })
            const isAsked = result.waits.some(({ input: asked }) => asked.type !== 'timer')
            if (result.status !== 'waiting' || isAsked) outcome = { result }
            return result
          } catch (error) {
            if (isEngineFailure(error)) outcome = { error }
            throw error
          }
        },
      }
      const run = await runs.start(agent, input, {
        runId,
        ...(context !== undefined && { context }),
        ...(messages && { messages }),
      })
      const client = new OpenWorkflow({ backend })
      const { spec, fn } = agentWorkflow(told, backend)
      client.implementWorkflow(spec, fn)
      const worker = client.newWorker()
      for (;;) {
        if (dead.has(plugin)) return new Promise(() => {})
        const { status } = await run.status()
        if (status === 'completed' || status === 'limit' || status === 'failed' || status === 'cancelled')
          return run.result()
        if (outcome && 'error' in outcome) throw outcome.error
        if (outcome && options.onWait !== 'block') return outcome.result
        await worker.tick()
        await new Promise((resolve) => setTimeout(resolve, TICK))
      }
    },
    async kill(plugin) {
      dead.add(plugin)
      for (const runId of taken.get(plugin) ?? []) await runs.get(runId).release()
    },
    respond: (runId, waitId, answer) => runs.get(runId).respond(waitId, answer),
    cancel: (runId, reason) => runs.get(runId).cancel(reason),
    async dispose() {
      await backend.stop()
      await rm(folder, { recursive: true })
    },
  }
}
