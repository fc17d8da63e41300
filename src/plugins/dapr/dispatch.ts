/** A step as an activity: scheduled in the tick in which the loop asks for it, tried again after durable timers. */
import type { DurableStep, ErrorJson, RetryPolicy, RunInfo, StepDescriptor, StepRecord } from '../../index.ts'
import { describeStep, executionId, fingerprint, HoldfastError } from '../../index.ts'
import { conversationsHere, pinnedHere } from './here.ts'
import type { WorkflowHost } from './host.ts'
import { activityName } from './names.ts'
import type { ConversationEnd, StepCall, StepReply } from './protocol.ts'
import { INLINE, MAX_INPUT, PROTOCOL, sizeOf } from './protocol.ts'
import type { Conversation } from './conversations.ts'
import { conversationOf, endOf, isUnwritten } from './conversations.ts'

/** Milliseconds between tries where no worker knows the step. */
const FIRST_LOOK = 1_000
const LONGEST_LOOK = 60_000
/** Milliseconds that a worker has for saying itself that a step took too long, and in which a timer's turn comes. */
const GRACE = 10_000
const TARDY = 5_000

export async function dispatch(host: WorkflowHost, step: DurableStep, run: RunInfo): Promise<StepRecord> {
  const descriptor = describeStep(step)
  const execution = executionId(descriptor)
  const done = host.past.records.get(execution)
  if (done) return done
  const isFirst = host.goesOn()
  if (descriptor.kind === 'model' && host.shouldLeave(run)) await host.leave()
  const record = await execute(host, descriptor, run, { execution, isFirst })
  host.doings.records.set(execution, record)
  return record
}

async function execute(
  host: WorkflowHost,
  step: StepDescriptor,
  run: RunInfo,
  { execution, isFirst }: { readonly execution: string; readonly isFirst: boolean },
): Promise<StepRecord> {
  try {
    return await unlessCancelled(run, perform(host, step, run, { execution, isFirst }))
  } finally {
    conversationsHere.delete(`${host.nonce} ${execution}`)
  }
}

async function perform(
  host: WorkflowHost,
  step: StepDescriptor,
  run: RunInfo,
  { execution, isFirst }: { readonly execution: string; readonly isFirst: boolean },
): Promise<StepRecord> {
  const name = activityName(run.agent, step)
  const { retry } = step.policy
  let call: StepCall | undefined
  let size = 0
  let lacked = 0
  for (let attempt = 1; ; ) {
    if (!call) {
      call = callOf(host, step, run, execution)
      size = sizeOf(call)
      if (size > MAX_INPUT) return { of: fingerprint(step), error: tooLarge(step, size) }
    }
    // Of a large batch the rest waits for Dapr's next turn: it takes so many bytes in one.
    while (!host.tasks.hasRoom(size)) await host.tasks.timer(1)
    const reply = await replyInTime(host, name, { ...call, attempt, ...(isFirst && { look: true }) })
    if ('record' in reply || 'held' in reply) {
      host.block(execution, undefined)
      return 'record' in reply ? reply.record : host.readRecord(reply.key, reply.held)
    }
    if ('cancelled' in reply) {
      host.cancel(reply.cancelled.reason)
      throw cancelled(step)
    }
    if ('lacking' in reply) {
      if (reply.lacking.code === 'ENGINE_UNAVAILABLE') call = serve(host, call, run)
      // What it lacked is there now: whoever is asked next finds it.
      if (lacked++ === 0 && isUnwritten(reply.lacking)) continue
      host.block(execution, reply.lacking)
      await host.tasks.timer(untilLook(lacked - 1))
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

/**
 * A step's timeout is kept by its worker. Where that does not even say so, a durable timer ends the attempt; one of a step
 * that is done once at most is asked for once more, by which it is known whether it had begun.
 */
async function replyInTime(host: WorkflowHost, name: string, call: StepCall): Promise<StepReply> {
  const { timeout, effect } = call.step.policy
  if (timeout === undefined) return replyOf(host, name, call)
  const limit = timeout + GRACE
  let reply = replyOf(host, name, call)
  for (let { attempt } = call; ; ) {
    const due = host.now + limit
    const late = host.tasks.timer(limit).then(() => 'late' as const)
    const first = await Promise.race([reply, late])
    if (first !== 'late') return first
    // Nobody was there when it was time, so the step itself may not have begun.
    if (host.now - due > TARDY) continue
    if (effect !== 'once') return { failed: tookTooLong(call.step, timeout) }
    reply = Promise.race([reply, replyOf(host, name, { ...call, attempt: ++attempt })])
  }
}

/** Puts what a worker may have lacked into rows, and of a conversation all that follows. Gives the call anew where it is another one then. */
function serve(host: WorkflowHost, call: StepCall, run: RunInfo): StepCall | undefined {
  const base = conversationOf(call.step)?.base
  if (base) host.holdBase(base, run.messages(base))
  else host.holdAgain(executionId(call.step))
  return base ? undefined : call
}

async function replyOf(host: WorkflowHost, name: string, call: StepCall): Promise<StepReply> {
  try {
    const reply = (await host.tasks.activity(name, call)) as StepReply
    host.count(reply)
    return reply
  } catch (error) {
    // The activity itself gives failures as replies: Dapr had no such activity, or could not bring what it gave.
    return { lacking: lackingOf(error) }
  }
}

/** What an activity that was not done lacked. */
export function lackingOf(error: unknown): ErrorJson {
  const message = error instanceof Error ? error.message : String(error)
  const code = /not registered|NotRegistered/.test(message) ? 'TOOL_UNKNOWN' : 'ENGINE_UNAVAILABLE'
  return { code, kind: 'retryable', message }
}

/** Milliseconds until it is tried again, after it was tried once more than so many times. */
export function untilLook(before: number): number {
  return Math.min(FIRST_LOOK * 2 ** before, LONGEST_LOOK)
}

function callOf(host: WorkflowHost, step: StepDescriptor, run: RunInfo, execution: string): StepCall {
  const { nonce, inline } = host
  const spec = host.specDigest(run.spec)
  const pinned = { spec: run.spec, context: run.context }
  pinnedHere.set(`${nonce} ${spec}`, pinned)
  const conversation = conversationOf(step)
  const held = conversation && heldOf(host, run, execution, conversation)
  const size = conversation ? 0 : sizeOf(step.input)
  const heldInput = size > inline && size <= MAX_INPUT ? host.holdInput(execution, step.input) : undefined
  return {
    version: PROTOCOL,
    runId: run.runId,
    nonce,
    root: host.rootOf(run),
    agent: run.agent,
    spec,
    ...(!host.hasRow(run) && { pinned }),
    step: { ...step, input: heldInput ? null : held ? { ...(step.input as object), append: [] } : step.input } as never,
    ...(held && { held }),
    ...(conversation && !held && !host.inRows && { unwritten: true }),
    ...(heldInput && { heldInput }),
    ...(inline !== INLINE && { inline }),
    attempt: 1,
  }
}

/**
 * The end of what is new of a conversation, where that is left out: it is in this process, where the step is executed, mostly. What
 * a conversation begins with any worker can do with.
 */
function heldOf(
  host: WorkflowHost,
  run: RunInfo,
  execution: string,
  conversation: Conversation,
): ConversationEnd | undefined {
  const { base, append } = conversation
  conversationsHere.set(`${host.nonce} ${execution}`, { before: () => run.messages(base), append })
  const isLarge = sizeOf(append) > host.inline
  if (!host.inRows) return isLarge || base.length > 0 ? endOf(conversation) : undefined
  return isLarge ? host.hold(conversation) : undefined
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

function tookTooLong({ id }: StepDescriptor, timeout: number): ErrorJson {
  return {
    code: 'STEP_TIMEOUT',
    kind: 'retryable',
    message: `step ${id} took more than ${timeout} ms, and its worker did not say so`,
    details: { step: id, timeout },
  }
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
