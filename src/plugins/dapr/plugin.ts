/** The durability plugin: runs in a Dapr workflow, has each step executed as an activity. */
import type { AgentPlugin, StepDescriptor } from '../../index.ts'
import { durable } from '../../index.ts'
import { dispatch } from './dispatch.ts'
import { currentHost } from './host.ts'
import { MAX_OUTPUT } from './protocol.ts'
import { waitFor } from './waits.ts'

/**
 * Makes an agent durable on Dapr Workflow. The workflow that the run is in is found by itself, so one agent serves many runs
 * at once: those that `daprRuns(client).start()` began, and those in workflows of one's own, made with `daprWorkflow()`.
 * The steps are executed by a worker that has the agent: `registerAgents(runtime, [agent])`.
 *
 * Runs outside of a workflow are refused with `NO_ENGINE_CONTEXT`.
 */
export function daprDurabilityPlugin(): AgentPlugin {
  return {
    name: 'dapr',
    durability: {
      engine: 'dapr',
      dispatch: 'name',
      supports: {
        waits: true,
        timers: true,
        cancelRunning: true,
        once: true,
        retries: true,
        streams: true,
        recordBytes: MAX_OUTPUT,
      },
      isReplaying: () => currentHost().isReplaying,
      currentRunId: () => currentHost().context.getWorkflowInstanceId(),
    },
    hooks: durable({
      execute: (step, run) => ({ ...step, run: () => dispatch(currentHost(), step, run) }),
      wait: (step, run) => ({ ...step, run: () => waitFor(currentHost(), step, run) }),
      scope: (step, body, run) => {
        if (isRun(step)) currentHost().open(step.name, run)
        return body()
      },
    }),
  }
}

function isRun({ kind, id }: StepDescriptor): boolean {
  return kind === 'agent' && id === 'run'
}
