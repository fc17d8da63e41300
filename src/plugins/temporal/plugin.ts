/** The durability plugin: runs in a workflow, has each step executed as an activity. */
import { inWorkflowContext, workflowInfo } from '@temporalio/workflow'
import type { AgentPlugin, StepDescriptor } from '../../index.ts'
import { durable, HoldfastError } from '../../index.ts'
import { dispatch } from './dispatch.ts'
import { endOfRun } from './failures.ts'
import { closeRun, isCarrying, LiveRun, liveRun, openRun } from './live-run.ts'
import type { AgentWorkflowInput, TemporalRunOptions } from './protocol.ts'
import { MAX_PAYLOAD } from './protocol.ts'
import { tellWorker } from './tell.ts'
import { waitFor } from './waits.ts'

export interface TemporalDurabilityOptions extends TemporalRunOptions {
  /**
   * What the workflow was started with. With it a run whose history grows long goes on as a new workflow run, at the end of
   * a turn; the workflow is then started again with the same, and what is done.
   */
  readonly start?: AgentWorkflowInput
}

/**
 * Makes an agent durable on Temporal. For use in workflow code alone, with `new Agent(spec)`: the steps are executed by a
 * worker that has the agent registered (`HoldfastPlugin` of `holdfast/temporal/worker`). Errors of the run end the workflow
 * as a failure that is not tried again; `DIVERGED` alone fails the workflow task, so that the run goes on after a fix.
 *
 * Runs outside of a workflow are refused with `NO_ENGINE_CONTEXT`.
 */
export function temporalDurabilityPlugin(options: TemporalDurabilityOptions = {}): AgentPlugin {
  const { start, ...given } = options
  const settings: TemporalRunOptions = { ...start?.options, ...given }
  return {
    name: 'temporal',
    durability: {
      engine: 'temporal',
      dispatch: 'name',
      supports: {
        waits: true,
        timers: true,
        cancelRunning: true,
        once: true,
        retries: true,
        streams: true,
        recordBytes: MAX_PAYLOAD,
      },
      isReplaying: () => workflowInfo().unsafe.isReplaying || isCarrying(),
      currentRunId: () => {
        requireWorkflow()
        return workflowInfo().workflowId
      },
    },
    observe: tellWorker,
    hooks: durable({
      execute: (step, run) => ({ ...step, run: () => dispatch(liveRun(run.runId), step, run) }),
      wait: (step, run) => ({ ...step, run: () => waitFor(liveRun(run.runId), step, run) }),
      scope: (step, body, run) => {
        if (!isRun(step)) return body()
        requireWorkflow()
        return inWorkflow(new LiveRun(step.name, run, settings, start), body)
      },
    }),
  }
}

async function inWorkflow<T>(live: LiveRun, body: () => Promise<T>): Promise<T> {
  openRun(live)
  try {
    const state = await body()
    const { status } = state as { readonly status?: string }
    if (status === 'limit' || status === 'cancelled') live.tellStatus(status)
    return state
  } catch (error) {
    throw endOfRun(error)
  } finally {
    closeRun(live)
  }
}

function isRun({ kind, id }: StepDescriptor): boolean {
  return kind === 'agent' && id === 'run'
}

function requireWorkflow(): void {
  if (inWorkflowContext()) return
  throw new HoldfastError({
    code: 'NO_ENGINE_CONTEXT',
    message:
      'temporalDurabilityPlugin() works in workflow code alone. Start the run with temporalRuns(client).start(agent, input, { runId }) ' +
      'of holdfast/temporal/client; then the plugin does not belong on the agent that you register with the worker.',
  })
}
