/** Waits: a person is waited for by a callback, a timer is the service's. */
import { CallbackTimeoutError, DurableOperationError } from '@aws/durable-execution-sdk-js'
import type { RunInfo, Step, WaitOutput } from '../../index.ts'
import { fingerprint, fromJson, HoldfastError, isHoldfastError, requireSameStep, validateAnswer } from '../../index.ts'
import type { Json } from '../../json.ts'
import type { Place } from './invocation.ts'
import { operationName } from './names.ts'
import type { CancelRequest } from './options.ts'
import { isCancelAnswer, openedName } from './protocol.ts'
import { pack } from './records.ts'

type Seconds = { readonly seconds: number }

/** What is recorded of an open wait, for those who ask what a run waits for. */
export interface OpenedRecord {
  readonly holdfast: 'wait'
  readonly waitId: string
  readonly callbackId: string
  /** The wait's fingerprint. */
  readonly of: string
  /** Its input, packed. */
  readonly input: Json
  /** The run had been cancelled when the wait was opened: no answer is waited for, in a replay either. */
  readonly cancelled?: CancelRequest
}

/** Tries to tell of a wait: for about an hour, with pauses of up to five minutes. */
const TELLS = 20

/** Nobody could be told of a wait; whoever reads the history sees that it is open all the same. */
class NotTold extends DurableOperationError {
  override readonly errorType = 'NotTold'

  constructor(record: OpenedRecord, cause: unknown) {
    super(
      `nobody was told yet, which is tried again: ${(cause as Error | undefined)?.message}`,
      undefined,
      JSON.stringify(record),
    )
  }
}

export async function waitFor(place: Place, step: Step<'wait'>, run: RunInfo): Promise<WaitOutput> {
  const { context, invocation } = place
  if (step.input.type === 'timer') {
    invocation.count(1)
    await context.wait(operationName(step.id), seconds(step.input.duration))
    return { timedOut: true }
  }
  // An answer that is none, from somebody who sent it past respond(): the person is asked once more.
  for (let round = 1; ; round++) {
    const name = round === 1 ? step.id : `${step.id}/${round}`
    const answer = await ask(place, step, run, name)
    if (answer === undefined) return { timedOut: true }
    try {
      return { answer: validateAnswer(step.input, fromJson(answer)) }
    } catch (error) {
      if (!isHoldfastError(error, 'ANSWER_INVALID')) throw error
    }
  }
}

async function ask(place: Place, step: Step<'wait'>, run: RunInfo, name: string): Promise<Json | undefined> {
  const { context, invocation } = place
  const { heartbeatTimeout } = invocation.options
  const { timeout } = step.policy
  invocation.count(2)
  const [answered, callbackId] = await context.createCallback(operationName(name), {
    ...(timeout !== undefined && { timeout: seconds(timeout) }),
    ...(heartbeatTimeout !== undefined && { heartbeatTimeout: seconds(heartbeatTimeout) }),
  })
  const opened = await context.step(
    operationName(openedName(name)),
    ({ attempt }) => tell(place, step, run, callbackId, attempt),
    { retryStrategy: (_, attempt) => ({ shouldRetry: true, delay: { seconds: Math.min(2 ** attempt, 300) } }) },
  )
  requireSameStep(step, opened.of)
  if (opened.cancelled) {
    run.cancel(opened.cancelled.reason)
    throw run.signal.reason
  }
  const answer = answered.then(parse, timedOut)
  let open = true
  const settled = answer.then(
    () => {
      open = false
    },
    () => {
      open = false
    },
  )
  // What is answered already says so before anything else happens.
  await Promise.race([settled, new Promise<void>((resolve) => setImmediate(resolve))])
  if (open) run.opened(step.id)
  const value = await untilCancelled(answer, run.signal)
  if (!isCancelAnswer(value)) return value
  run.cancel(value.reason)
  throw run.signal.reason
}

/** A wait that nobody could be told of is open all the same: its run must not fail for it. */
async function tell(
  place: Place,
  step: Step<'wait'>,
  run: RunInfo,
  callbackId: string,
  attempt: number,
): Promise<OpenedRecord> {
  const { notify, payloads, cancels } = place.invocation.options
  const { id: waitId, input } = step
  const text = await pack(input as unknown as Json, payloads)
  // Too large to be shown: it can be answered all the same.
  const shown = (text ? JSON.parse(text) : { ...input, input: null, data: null }) as Json
  const record: OpenedRecord = { holdfast: 'wait', waitId, callbackId, of: fingerprint(step), input: shown }
  try {
    // Whoever cancels before the callback is there finds no wait to wake: the flag is looked at when it is there.
    const before = await cancels?.getCancel(run.runId)
    if (before) return { ...record, cancelled: before }
    if (!notify) return record
    await notify({ runId: run.runId, waitId, callbackId, input })
    // It may have taken longer than cancel() looks for the wait.
    const meanwhile = await cancels?.getCancel(run.runId)
    if (meanwhile) return { ...record, cancelled: meanwhile }
  } catch (error) {
    if (attempt < TELLS) throw new NotTold(record, error)
  }
  return record
}

/** What was sent that is no JSON is no answer. */
function parse(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch {
    return null
  }
}

function timedOut(error: unknown): undefined {
  if (error instanceof CallbackTimeoutError) return
  throw new HoldfastError({
    code: 'TASK_FAILED',
    message: `the wait was ended from outside: ${(error as Error).message}`,
    cause: error,
  })
}

function untilCancelled<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}

/** The service counts in whole seconds. */
function seconds(milliseconds: number): Seconds {
  return { seconds: Math.max(1, Math.ceil(milliseconds / 1_000)) }
}
