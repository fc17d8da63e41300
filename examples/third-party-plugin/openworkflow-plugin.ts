/** Agents on openworkflow: a run is a workflow, each step of it one of the workflow's, each wait a signal. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { AgentPlugin, Json, RunInput, RunnableAgent, RunResult, StartOptions, Step, WaitOutput } from 'holdfast'
import { durable, executionId, fingerprint, HoldfastError, isEngineFailure, requireSameStep } from 'holdfast'
import { defineWorkflow, type Workflow } from 'openworkflow'
import type { Backend } from 'openworkflow/internal'
import { portableError } from './portable-error.ts'

/** What the workflow of a run gets. */
export type AgentStart = Pick<StartOptions, 'runId' | 'context' | 'messages'> & { readonly input: RunInput }
type AgentWorkflow = Workflow<AgentStart, RunResult, AgentStart>
type Engine = Parameters<AgentWorkflow['fn']>[0]['step']

/** The workflow that this code runs in. `parked`: what the engine threw because it has to wait. */
const places = new AsyncLocalStorage<{ readonly engine: Engine; parked?: unknown }>()

// The loop does the retrying of steps. A run that can't go on is tried again until somebody has mended what it lacks.
const once = (name: string) => ({ name, retryPolicy: { maximumAttempts: 1 } })
const UNTIL_MENDED = { maximumAttempts: 0, maximumInterval: '1m' } as const
const NEVER = new Date('9999-01-01')

/** `agent.use(openworkflowDurabilityPlugin())`; then give `agentWorkflow(agent, backend)` to a worker of openworkflow. */
export function openworkflowDurabilityPlugin(): AgentPlugin {
  return {
    name: 'openworkflow',
    durability: {
      engine: 'openworkflow',
      dispatch: 'closure',
      supports: { waits: true, timers: true, cancelRunning: true, ownership: true },
    },
    hooks: durable({
      execute: (step) => ({
        ...step,
        run: (context) => here().engine.run(once(executionId(step)), () => step.run(context)),
      }),
      wait: (step, { runId }) => ({ ...step, run: () => waitFor(step, runId) }),
    }),
  }
}

/** The workflow in which a worker runs the agent. */
export function agentWorkflow(agent: RunnableAgent, backend: Backend): AgentWorkflow {
  const spec = { name: agent.name, retryPolicy: UNTIL_MENDED }
  return defineWorkflow(spec, ({ input: { input, ...options }, step: engine, run: { id } }) =>
    places.run({ engine }, async () => {
      const cancel = await watchCancel(engine, backend, id, options.runId)
      try {
        const result = await agent.run(input, { ...options, signal: cancel.signal })
        if (result.status !== 'waiting') return result
      } catch (error) {
        if (isEngineFailure(error)) throw portableError(error)
        return await engine.run(once('failed'), () => Promise.reject(portableError(error)))
      } finally {
        cancel.stop()
      }
      throw here().parked
    }),
  )
}

async function waitFor(step: Step<'wait'>, runId: string): Promise<WaitOutput> {
  const { id, input, policy } = step
  const place = here()
  const asked = await place.engine.run(once(`${id}/asked`), () => ({ of: fingerprint(step), input }))
  requireSameStep(step, asked.of)
  const timeout = input.type === 'timer' ? input.duration : (policy.timeout ?? NEVER)
  try {
    const reply = await place.engine.waitForSignal<Json>({ name: id, signal: `${runId}/${id}`, timeout })
    return reply ? { answer: reply.data } : { timedOut: true }
  } catch (parked) {
    place.parked = parked
    throw new HoldfastError({ code: 'SUSPENDED', kind: 'suspended', message: `run '${runId}' waits for ${id}` })
  }
}

function here() {
  const place = places.getStore()
  if (place) return place
  const message = 'an agent on openworkflow runs in agentWorkflow(agent, backend): start it with openworkflowRuns()'
  throw new HoldfastError({ code: 'NO_ENGINE_CONTEXT', message })
}

/** A cancel is a signal, too: a run that is parked is woken by it, one that is running has to look. */
async function watchCancel(engine: Engine, backend: Backend, workflowRunId: string, runId: string) {
  const wanted = { name: 'cancel', signal: `${runId}/cancel`, timeout: NEVER }
  const parked = await engine.waitForSignal(wanted).catch((error: unknown) => error)
  // By its name: it is the first, but those of one millisecond are listed in any order.
  const { data } = await backend.listStepAttempts({ workflowRunId, limit: 1000 })
  const wait = data.find(({ stepName }) => stepName === wanted.name)
  if (!wait) throw parked
  const controller = new AbortController()
  const look = async () => {
    const reason = await backend.getSignalDelivery({ stepAttemptId: wait.id })
    if (reason !== undefined) controller.abort(reason)
  }
  await look()
  const timer = setInterval(() => void look().catch(() => {}), 250)
  return { signal: controller.signal, stop: () => clearInterval(timer) }
}
