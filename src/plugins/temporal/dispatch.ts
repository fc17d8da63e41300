/** A step as an activity: scheduled in the tick in which the loop asks for it, with what is new of its input. */
import type { ActivityOptions } from '@temporalio/common'
import {
  allHandlersFinished,
  CancellationScope,
  condition,
  isCancellation,
  makeContinueAsNewFunc,
  scheduleActivity,
  sleep,
  workflowInfo,
} from '@temporalio/workflow'
import type { Base, DurableStep, ErrorJson, Json, Message, RunInfo, StepDescriptor, StepRecord } from '../../index.ts'
import { describeStep, executionId, fingerprint, HoldfastError } from '../../index.ts'
import { recordOf } from './failures.ts'
import type { LiveRun } from './live-run.ts'
import { baseKey } from './live-run.ts'
import { nameKnown, noteOutput } from './naming.ts'
import { activityName } from './names.ts'
import type { AgentWorkflowInput, NamedRecord, StepCall, TemporalRunOptions } from './protocol.ts'
import { MAX_PAYLOAD, MAX_TASK, NAMING_PROTOCOL, payloadLimit, PROTOCOL, sentSize, sizeOf } from './protocol.ts'

/** Bytes of new messages, or of the run's context, that go with an activity. Larger ones are asked for. */
const INLINE = 16_000
const THIRTY_DAYS = 30 * 86_400_000

export async function dispatch(live: LiveRun, step: DurableStep, run: RunInfo): Promise<StepRecord> {
  const descriptor = describeStep(step)
  const execution = executionId(descriptor)
  const done = live.carrying ? live.start?.carried?.records[execution] : undefined
  if (done) {
    keep(live, descriptor, execution, done)
    noteBase(live, descriptor, run)
    return done
  }
  live.carrying = false
  if (run === live.info && descriptor.kind === 'model' && shouldLeave(live)) await leave(live)
  const record = await execute(live, descriptor, run, execution)
  keep(live, descriptor, execution, record)
  return record
}

function keep(live: LiveRun, step: StepDescriptor, execution: string, record: NamedRecord): void {
  live.records.set(execution, record)
  noteOutput(live.names, step, record)
}

async function execute(live: LiveRun, step: StepDescriptor, run: RunInfo, execution: string): Promise<NamedRecord> {
  const call = callOf(live, step, run, execution)
  const size = sizeOf(call)
  if (size > payloadLimit(live.options)) return { of: fingerprint(step), error: tooLarge(step, size) }
  const scope = new CancellationScope()
  live.scopes.add(scope)
  try {
    while (!hasRoom(sentSize(size, live.options))) await scope.run(() => sleep(1))
    for (let round = 0; ; round++) {
      try {
        return await scope.run(() =>
          scheduleActivity<NamedRecord>(activityName(run.agent, step), [call], activityOptions(step, live.options)),
        )
      } catch (error) {
        const record = recordOf(step, error)
        if ('of' in record) return record
        if ('parked' in record) {
          await scope.run(() => park(live, execution, record.parked))
          round = -1
          continue
        }
        live.lacking.set(execution, record.lacking)
        // No retry of the server's: it could not tell a worker that never knew the step from one that died in it.
        await scope.run(() => sleep(Math.min(1_000 * 2 ** round, 60_000)))
      }
    }
  } catch (error) {
    if (!isCancellation(error)) throw error
    throw new HoldfastError({ code: 'CANCELLED', message: `step ${step.id} was cancelled`, cause: error })
  } finally {
    live.scopes.delete(scope)
    live.scheduled.delete(execution)
    live.lacking.delete(execution)
  }
}

/** Until somebody lets it go on, or cancels it. */
async function park(live: LiveRun, execution: string, error: ErrorJson): Promise<void> {
  live.parked.set(execution, error)
  live.tellStatus()
  try {
    await condition(() => !live.parked.has(execution))
  } finally {
    live.parked.delete(execution)
    live.tellStatus()
  }
}

interface Conversational {
  readonly base: Base
  readonly append: readonly Message[]
}

/** Of a step that is about a conversation: the part of its input that names it. */
function conversationOf({ kind, name, input }: StepDescriptor): Conversational | undefined {
  return kind === 'model' || name === 'holdfast.compact' ? (input as unknown as Conversational) : undefined
}

function callOf(live: LiveRun, step: StepDescriptor, run: RunInfo, execution: string): StepCall {
  const { context } = run
  const { parkAfter } = live.options
  return {
    version: PROTOCOL,
    runId: run.runId,
    root: live.root,
    agent: run.agent,
    spec: live.specDigest(run.spec),
    ...(live.sizeOfContext(context) <= INLINE && { context }),
    ...(parkAfter !== undefined && { parkAfter }),
    ...stepOf(live, step, run, execution),
  }
}

/** The step, without what a worker may have or asks for. */
function stepOf(
  live: LiveRun,
  step: StepDescriptor,
  run: RunInfo,
  execution: string,
): Pick<StepCall, 'step' | 'held' | 'named'> & { readonly version?: number } {
  const conversation = conversationOf(step)
  if (!conversation) return { step }
  const { base, append } = conversation
  noteBase(live, step, run)
  live.scheduled.set(execution, { base, run, messages: () => [...run.messages(base), ...append] })
  const { rest, named } = nameKnown(live.names, append)
  const held = sizeOf(rest) > INLINE
  const input = { ...(step.input as object), append: held ? [] : rest } as unknown as Json
  if (held) return { step: { ...step, input }, held }
  return Object.keys(named).length > 0 ? { version: NAMING_PROTOCOL, step: { ...step, input }, named } : { step }
}

function noteBase(live: LiveRun, step: StepDescriptor, run: RunInfo): void {
  const base = conversationOf(step)?.base
  if (!base) return
  // A conversation begins, or begins anew after a compaction: what was known before is no prefix of it.
  if (base.length === 0 || !live.bases.has(run)) live.bases.set(run, new Set())
  live.bases.get(run)?.add(baseKey(base))
}

function activityOptions(step: StepDescriptor, options: TemporalRunOptions): ActivityOptions {
  const { timeout, retry, effect } = step.policy
  const initialInterval = Math.max(1, retry?.initialInterval ?? 500)
  return {
    summary: executionId(step),
    heartbeatTimeout: options.heartbeatTimeout ?? 5_000,
    // The step's own timeout is kept by the worker; this is for one that does not even do that.
    startToCloseTimeout: timeout === undefined ? (options.stepTimeout ?? THIRTY_DAYS) : timeout + 10_000,
    allowEagerDispatch: options.eagerActivities ?? true,
    retry: {
      // How often a failure is tried again is counted by the worker: a worker that was lost is no failure.
      ...(effect === 'once' && { maximumAttempts: 1 }),
      initialInterval,
      backoffCoefficient: Math.max(1, retry?.backoff ?? 2),
      maximumInterval: Math.max(initialInterval, Math.min(retry?.maxInterval ?? 10_000, 10_000)),
    },
  }
}

let scheduledIn = -1
let scheduledBytes = 0

/** Whether one more activity fits into this workflow task. */
function hasRoom(size: number): boolean {
  const { historyLength } = workflowInfo()
  if (historyLength !== scheduledIn) {
    scheduledIn = historyLength
    scheduledBytes = 0
  }
  if (scheduledBytes > 0 && scheduledBytes + size > MAX_TASK) return false
  scheduledBytes += size
  return true
}

function tooLarge(step: StepDescriptor, size: number): NonNullable<StepRecord['error']> {
  return {
    code: 'PAYLOAD_TOO_LARGE',
    kind: 'terminal',
    message: `the input of step ${step.id} has ${size} bytes of JSON, and Temporal takes ${MAX_PAYLOAD}: give a reference in its place.`,
    details: { step: step.id, size, limit: MAX_PAYLOAD },
  }
}

function shouldLeave({ start, options, info, tooLong }: LiveRun): boolean {
  if (!start || info.signal.aborted || tooLong) return false
  const { continueAsNewSuggested, historyLength } = workflowInfo()
  return options.continueAfter === undefined ? continueAsNewSuggested : historyLength >= options.continueAfter
}

/** Go on as a new workflow run, which is given what is done. Returns where that is too much for one payload. */
async function leave(live: LiveRun): Promise<void> {
  const carried = { records: Object.fromEntries(live.records), waits: Object.fromEntries(live.settled) }
  const next: AgentWorkflowInput = { ...(live.start as AgentWorkflowInput), carried }
  if (sizeOf(next) > payloadLimit(live.options)) {
    live.tooLong = true
    return
  }
  await condition(allHandlersFinished)
  await makeContinueAsNewFunc()(next)
}
