/** A step as an operation of the execution. */
import { StepSemantics } from '@aws/durable-execution-sdk-js'
import type { DurableStep, RunInfo, StepDescriptor, StepRecord } from '../../index.ts'
import { errorToJson, executionId, fingerprint, HoldfastError, isHoldfastError, recordWithin } from '../../index.ts'
import type { Json } from '../../json.ts'
import type { Place } from './invocation.ts'
import { operationName } from './names.ts'
import { MAX_RECORD } from './protocol.ts'
import { pack, recordSerdes, unpack } from './records.ts'

/**
 * The step is to be tried again by the service, which counts it as an attempt, also where nothing was begun: of earlier tries
 * the SDK gives a step their number alone, so there is no place for a count of our own.
 */
class Again extends Error {
  readonly seconds: number
  /** What the run is told meanwhile; without it, it waits. */
  readonly told: HoldfastError | undefined

  constructor(milliseconds: number, told?: HoldfastError) {
    super(told?.message ?? 'to be done in another invocation')
    // What the history tells of the attempt.
    this.name = told?.code ?? 'Again'
    this.seconds = Math.max(1, Math.ceil(milliseconds / 1_000))
    this.told = told
  }
}

type Hold = (reason: unknown) => void

/** Interruptions by the end of an invocation's time that a step is allowed, whatever its policy. */
const INTERRUPTIONS = 3

export async function execute(place: Place, step: DurableStep, run: RunInfo): Promise<StepRecord> {
  const { context, invocation } = place
  invocation.count(1, isTurn(step))
  const once = step.policy.effect === 'once'
  // What may not be recorded takes the run out of the loop, while the operation stays as it is.
  const held = Promise.withResolvers<never>()
  held.promise.catch(() => {})
  const recorded = context.step<Json>(
    operationName(executionId(step)),
    ({ attempt }) => perform(place, step, run, attempt, held.reject),
    {
      serdes: recordSerdes,
      semantics: once ? StepSemantics.AtMostOncePerRetry : StepSemantics.AtLeastOncePerRetry,
      retryStrategy(error) {
        if (!(error instanceof Again)) return { shouldRetry: false }
        const { told, seconds } = error
        // After the service was asked for the retry, which happens in this very tick.
        if (told) queueMicrotask(() => held.reject(told))
        return { shouldRetry: true, delay: { seconds } }
      },
    },
  )
  try {
    const record = await Promise.race([recorded, held.promise])
    return (await unpack(record, invocation.options.payloads)) as unknown as StepRecord
  } catch (error) {
    const { cause } = error as { readonly cause?: unknown }
    if ((cause as Error | undefined)?.name !== 'StepInterruptedError') throw error
    return unknownOutcome(step, 'its invocation ended')
  }
}

const TOO_LARGE = 'give the plugin a payload store, or make it smaller'

/** Live, once per attempt. Gives the record's JSON. */
async function perform(
  { invocation }: Place,
  step: DurableStep,
  run: RunInfo,
  attempt: number,
  hold: Hold,
): Promise<string> {
  try {
    await invocation.begin()
    if (invocation.isOver) throw new Again(0)
    const record = await step
      .run({ attempt, signal: invocation.deadline })
      .catch((error: unknown) => afterFailure(step, error, attempt, invocation.deadline.aborted && !run.signal.aborted))
    const { payloads } = invocation.options
    const text = await pack(record as unknown as Json, payloads)
    return text ?? JSON.stringify(recordWithin(step, record, MAX_RECORD, TOO_LARGE))
  } catch (error) {
    if (error instanceof Again) throw error
    hold(error)
    return new Promise(() => {})
  } finally {
    invocation.finish()
  }
}

/** A failure that is to be recorded, tried again, or neither. */
function afterFailure(step: DurableStep, error: unknown, attempt: number, isLate: boolean): StepRecord {
  const { effect, retry } = step.policy
  const attempts = retry?.maxAttempts ?? 1
  if (!isHoldfastError(error)) throw error
  if (error.code === 'CANCELLED' && isLate) {
    if (effect === 'once') return unknownOutcome(step, "the invocation's time was over")
    if (attempt < Math.max(attempts, INTERRUPTIONS)) throw new Again(0)
    return failed(step, timedOut(step, attempt))
  }
  // Nothing was done: a deploy that knows the step can do it.
  if (isUnknownHere(error)) throw new Again(Math.min(1_000 * 2 ** attempt, 60_000), error)
  if (error.kind !== 'retryable' || error.code === 'ENGINE_UNAVAILABLE') throw error
  if (attempt >= attempts) return failed(step, error)
  const { initialInterval = 1_000, backoff = 2, maxInterval = 60_000 } = retry ?? {}
  throw new Again(error.retryAfter ?? Math.min(initialInterval * backoff ** (attempt - 1), maxInterval))
}

/** A model call of the run itself: with those of sub-agents there may be other steps under way. */
function isTurn({ kind, id }: StepDescriptor): boolean {
  return kind === 'model' && /^\d+\/model$/.test(id)
}

function isUnknownHere({ code }: HoldfastError): boolean {
  return code === 'TOOL_UNKNOWN' || code === 'MODEL_UNKNOWN' || code === 'TASK_UNKNOWN'
}

function failed(step: StepDescriptor, error: HoldfastError): StepRecord {
  return { of: fingerprint(step), error: errorToJson(error, 'TOOL_FAILED') }
}

function unknownOutcome(step: StepDescriptor, why: string): StepRecord {
  const message = `step ${step.id} had started when ${why}, and whether it took effect is not known. Give the tool a reconcile function, or find out and answer.`
  return failed(step, new HoldfastError({ code: 'OUTCOME_UNKNOWN', message, details: { step: step.id } }))
}

function timedOut({ id }: StepDescriptor, attempts: number): HoldfastError {
  return new HoldfastError({
    code: 'STEP_TIMEOUT',
    message: `step ${id} was still running when the time of its invocation was over, at attempt ${attempts}: give the function a longer timeout, or the step less to do.`,
    details: { step: id, attempts },
  })
}
