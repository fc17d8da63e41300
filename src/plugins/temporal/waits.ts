/** Waits: a person is waited for by an Update, a timer is the server's. */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow'
import type { Json, RunInfo, Step, WaitOutput } from '../../index.ts'
import { HoldfastError } from '../../index.ts'
import type { LiveRun } from './live-run.ts'

export async function waitFor(live: LiveRun, step: Step<'wait'>, run: RunInfo): Promise<WaitOutput> {
  const done = live.carrying ? live.start?.carried?.waits[step.id] : undefined
  const output = done === undefined ? await settle(live, step, run) : (done as WaitOutput)
  live.answered.add(step.id)
  live.settled.set(step.id, output as unknown as Json)
  return output
}

async function settle(live: LiveRun, step: Step<'wait'>, run: RunInfo): Promise<WaitOutput> {
  live.carrying = false
  const scope = new CancellationScope()
  live.scopes.add(scope)
  try {
    const waiting = scope.run(() =>
      step.input.type === 'timer' ? timer(step.input.duration) : person(live, step, scope),
    )
    // On replay, too: what is told then does not leave the sandbox.
    run.opened(step.id)
    return await waiting
  } catch (error) {
    if (!isCancellation(error)) throw error
    throw new HoldfastError({ code: 'CANCELLED', message: `${step.id} was cancelled`, cause: error })
  } finally {
    live.scopes.delete(scope)
    live.waits.delete(step.id)
    if (step.input.type !== 'timer') live.tellStatus()
  }
}

async function timer(duration: number): Promise<WaitOutput> {
  await sleep(duration)
  return { timedOut: true }
}

function person(live: LiveRun, { id, input, policy }: Step<'wait'>, scope: CancellationScope): Promise<WaitOutput> {
  return new Promise((resolve, reject) => {
    live.waits.set(id, {
      input,
      settle(output) {
        resolve(output)
        // The timeout's timer is not to outlive the wait.
        scope.cancel()
      },
    })
    live.tellStatus()
    scope.cancelRequested.catch(reject)
    if (policy.timeout !== undefined) timer(policy.timeout).then(resolve, () => {})
  })
}
