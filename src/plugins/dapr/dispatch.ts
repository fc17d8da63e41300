/** A step as an activity: scheduled in the tick in which the loop asks for it, tried again after durable timers. */
import type { DurableStep, ErrorJson, RetryPolicy, RunInfo, StepDescriptor, StepRecord } from '../../index.ts'
import { describeStep, executionId, fingerprint, HoldfastError } from '../../index.ts'
import { conversationsHere, pinnedHere } from './here.ts'
import type { WorkflowHost } from './host.ts'
import { activityName } from './names.ts'
import type { StepCall, StepReply } from './protocol.ts'
import { MAX_INPUT, PROTOCOL, sizeOf } from './protocol.ts'

/** Milliseconds between tries where no worker knows the step. */
const FIRST_LOOK = 1_000
const LONGEST_LOOK = 60_000

export async function dispatch(host: WorkflowHost, step: DurableStep, run: RunInfo): Promise<StepRecord> {
  const descriptor = describeStep(step)
  const execution = executionId(descriptor)
  const call = callOf(host, descriptor, run, execution)
  const size = sizeOf(call)
  if (size > MAX_INPUT) return { of: fingerprint(descriptor), error: tooLarge(descriptor, size) }
  try {
    return await unlessCancelled(run, perform(host, call, run, execution))
  } finally {
    conversationsHere.delete(`${host.nonce} ${execution}`)
  }
}

async function perform(host: WorkflowHost, call: StepCall, run: RunInfo, execution: string): Promise<StepRecord> {
  const { step } = call
  const name = activityName(run.agent, step)
  const { retry } = step.policy
  let lacked = 0
  for (let attempt = 1; ; ) {
    const reply = await replyOf(host, name, { ...call, attempt })
    if ('record' in reply) {
      host.block(execution, undefined)
      return reply.record
    }
    if ('cancelled' in reply) {
      host.cancel(reply.cancelled.reason)
      throw cancelled(step)
    }
    if ('lacking' in reply) {
      host.block(execution, reply.lacking)
      await host.tasks.timer(Math.min(FIRST_LOOK * 2 ** lacked++, LONGEST_LOOK))
      continue
    }
    host.block(execution, undefined)
    const { failed } = reply
    if (!retry || attempt >= retry.maxAttempts) return { of: fingerprint(step), error: failed }
    const delay = failed.retryAfter ?? backoff(retry, attempt)
    if (delay > 0) await host.tasks.timer(delay)
    attempt++
  }
}

async function replyOf(host: WorkflowHost, name: string, call: StepCall): Promise<StepReply> {
  try {
    return (await host.tasks.activity(name, call)) as StepReply
  } catch (error) {
    // The activity itself gives failures as replies: Dapr had no such activity, or could not bring what it gave.
    const message = error instanceof Error ? error.message : String(error)
    const code = /not registered|NotRegistered/.test(message) ? 'TOOL_UNKNOWN' : 'ENGINE_UNAVAILABLE'
    return { lacking: { code, kind: 'retryable', message } }
  }
}

function callOf(host: WorkflowHost, step: StepDescriptor, run: RunInfo, execution: string): StepCall {
  const { nonce } = host
  const spec = host.specDigest(run.spec)
  const pinned = { spec: run.spec, context: run.context }
  pinnedHere.set(`${nonce} ${spec}`, pinned)
  if (step.kind === 'model' || step.name === 'holdfast.compact') {
    const { base } = step.input as unknown as { readonly base: Parameters<RunInfo['messages']>[0] }
    conversationsHere.set(`${nonce} ${execution}`, () => run.messages(base))
  }
  return {
    version: PROTOCOL,
    runId: run.runId,
    nonce,
    root: host.rootOf(run),
    agent: run.agent,
    spec,
    ...(host.known === undefined && { pinned }),
    step,
    attempt: 1,
  }
}

/** Rejects when the run is cancelled, whatever the work does. */
export function unlessCancelled<T>({ signal }: RunInfo, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

function backoff({ initialInterval, backoff, maxInterval }: RetryPolicy, failed: number): number {
  return Math.min(initialInterval * backoff ** (failed - 1), maxInterval)
}

function cancelled({ id }: StepDescriptor): HoldfastError {
  return new HoldfastError({ code: 'CANCELLED', message: `step ${id} was cancelled` })
}

function tooLarge({ id }: StepDescriptor, size: number): ErrorJson {
  return {
    code: 'PAYLOAD_TOO_LARGE',
    kind: 'terminal',
    message: `the input of step ${id} has ${size} bytes of JSON, and Dapr takes ${MAX_INPUT}: give a reference in its place.`,
    details: { step: id, size, limit: MAX_INPUT },
  }
}
