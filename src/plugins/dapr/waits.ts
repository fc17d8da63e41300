/** Waits: an answer is the first row that is written for it, and an event wakes the run to read it. */
import type { RunInfo, Step, WaitOutput } from '../../index.ts'
import { fingerprint, requireSameStep } from '../../index.ts'
import { unlessCancelled } from './dispatch.ts'
import type { WorkflowHost } from './host.ts'
import type { AnswerCall, AnswerReply } from './protocol.ts'
import { ANSWER, answerKey } from './protocol.ts'

export function waitFor(host: WorkflowHost, step: Step<'wait'>, run: RunInfo): Promise<WaitOutput> {
  const { input } = step
  return unlessCancelled(run, input.type === 'timer' ? sleep(host, input.duration) : person(host, step, run))
}

async function sleep({ tasks }: WorkflowHost, duration: number): Promise<WaitOutput> {
  await tasks.timer(duration)
  return { timedOut: true }
}

async function person(host: WorkflowHost, step: Step<'wait'>, run: RunInfo): Promise<WaitOutput> {
  const { id, input, policy } = step
  let woken = Promise.withResolvers<void>()
  host.openWait({ id, input }, () => woken.resolve())
  const late = policy.timeout === undefined ? undefined : host.tasks.timer(policy.timeout).then(() => 'late' as const)
  const stop = (): void => host.closeWait(id)
  run.signal.addEventListener('abort', stop, { once: true })
  try {
    // The first look is made when those outside can see the wait: an answer that came at once is not missed.
    for (let call: AnswerCall = { key: answerKey(host.nonce, id, input.of), of: fingerprint(step) }; ; ) {
      const { of, row } = (await host.tasks.activity(ANSWER, call)) as AnswerReply
      requireSameStep(step, of)
      if (row) return row
      run.opened(id)
      const happened = await host.tasks.untilEvent(Promise.race(late ? [woken.promise, late] : [woken.promise]))
      if (happened === 'late') call = { ...call, timedOut: true }
      woken = Promise.withResolvers()
    }
  } finally {
    run.signal.removeEventListener('abort', stop)
    host.closeWait(id)
  }
}
