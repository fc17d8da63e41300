/** Waits: an answer is the first row that is written for it, and an event wakes the run to read it. */
import type { RunInfo, Step, WaitOutput } from '../../index.ts'
import { fingerprint, requireSameStep } from '../../index.ts'
import { lackingOf, unlessCancelled, untilLook } from './dispatch.ts'
import type { WorkflowHost } from './host.ts'
import type { AnswerCall, AnswerReply } from './protocol.ts'
import { ANSWER, answerKey } from './protocol.ts'

export async function waitFor(host: WorkflowHost, step: Step<'wait'>, run: RunInfo): Promise<WaitOutput> {
  const { id, input } = step
  const done = host.past.waits.get(id)
  if (done) {
    requireSameStep(step, done.of)
    return done.output
  }
  host.goesOn()
  const waiting = input.type === 'timer' ? sleep(host, input.duration) : person(host, step, run)
  const output = await unlessCancelled(run, waiting)
  host.doings.waits.set(id, { of: fingerprint(step), output })
  return output
}

function callOf({ nonce }: WorkflowHost, step: Step<'wait'>): AnswerCall {
  return { nonce, key: answerKey(nonce, step.id, step.input.of), of: fingerprint(step) }
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
  const stop = (): void => {
    host.block(id, undefined)
    host.closeWait(id)
  }
  run.signal.addEventListener('abort', stop, { once: true })
  try {
    // The first look is made when those outside can see the wait: an answer that came at once is not missed.
    for (let call = callOf(host, step); ; ) {
      const { of, row } = await look(host, id, call)
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

/** What the state store has; looked for again after durable timers where it could not be asked. */
async function look(host: WorkflowHost, id: string, call: AnswerCall): Promise<AnswerReply> {
  for (let failed = 0; ; failed++) {
    try {
      const reply = (await host.tasks.activity(ANSWER, call)) as AnswerReply
      host.block(id, undefined)
      return reply
    } catch (error) {
      host.block(id, lackingOf(error))
      await host.tasks.timer(untilLook(failed))
    }
  }
}
