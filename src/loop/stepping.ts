/** A step through its hooks: before, run, after. Batches, waits and tasks are made of it. */
import type { ErrorCode } from '../errors.ts'
import { HoldfastError, isEngineFailure, isSuspended, wrapError } from '../errors.ts'
import type { HookEvents, HookName, HookRun, InterruptRequest, StepOutcome } from '../hooks/events.ts'
import type { Frame } from './run-context.ts'
import type { SlotOptions } from './slot.ts'
import { Slot } from './slot.ts'
import type { Step, StepDescriptor } from '../step.ts'
import type { StepKind, StepOutput } from '../step-kinds.ts'

/** What the hooks of a step may ask for. */
export interface Asks {
  interrupt(plugin: string, request: InterruptRequest): Promise<unknown>
  task(plugin: string, name: string, input: unknown): Promise<unknown>
  sleep(plugin: string, duration: number | string): Promise<void>
}

export interface BeforeOptions extends SlotOptions {
  readonly asks?: Asks
  readonly toolCallId?: string
  /** Called in place of the Before… hook of the step's kind. */
  readonly event?: HookName
  /** Told of the slot before any hook is. */
  readonly onOpen?: (slot: Slot) => void
}

const BEFORE: { readonly [K in StepKind]: HookName } = {
  model: 'BeforeModelCall',
  tool: 'BeforeToolCall',
  wait: 'BeforeWait',
  agent: 'BeforeAgentCall',
  task: 'BeforeTask',
}

const AFTER: { readonly [K in StepKind]: HookName } = {
  model: 'AfterModelCall',
  tool: 'AfterToolCall',
  wait: 'AfterWait',
  agent: 'AfterAgentCall',
  task: 'AfterTask',
}

/** Open a slot and call the Before… hooks of its step. */
export async function before<K extends StepKind>(
  frame: Frame,
  descriptor: StepDescriptor<K>,
  options: BeforeOptions = {},
): Promise<Slot<K>> {
  const slot = await Slot.open(frame, descriptor, options)
  options.onOpen?.(slot as unknown as Slot)
  const name = options.event ?? BEFORE[descriptor.kind]
  if (!frame.bus.has(name)) return slot
  await frame.bus.emit(
    name,
    (plugin) => new BeforeView(frame, slot, plugin, options) as unknown as HookEvents[typeof name],
  )
  frame.checkCancelled()
  return slot
}

/** A Before… event as one plugin's hooks see it. A class: accessors in an object literal cost 20 times as much. */
class BeforeView<K extends StepKind> {
  readonly #slot: Slot<K>
  readonly #plugin: string
  readonly run: HookRun
  readonly cancelRun: (reason: string) => void
  readonly denyStep: (reason: string) => void

  constructor(frame: Frame, slot: Slot<K>, plugin: string, { asks, toolCallId }: BeforeOptions) {
    this.#slot = slot
    this.#plugin = plugin
    this.run = frame.viewFor(plugin)
    this.cancelRun = (reason) => frame.run.cancelHere(reason)
    this.denyStep = (reason) => {
      slot.denied ??= reason
    }
    if (toolCallId !== undefined) Object.assign(this, { toolCallId })
    if (asks) {
      Object.assign(this, {
        interrupt: (request: InterruptRequest) => asks.interrupt(plugin, request),
        task: (name: string, input?: unknown) => asks.task(plugin, name, input),
        sleep: (duration: number | string) => asks.sleep(plugin, duration),
      })
    }
  }

  get step(): Step<K> {
    return this.#slot.step
  }

  set step(step: Step<K>) {
    this.#slot.replace(step, this.#plugin)
  }
}

/** Call the After… hooks of a step; gives whether one of them wants it run again. */
export async function after<K extends StepKind>(
  frame: Frame,
  slot: Slot<K>,
  outcome: StepOutcome<K>,
  toolCallId?: string,
): Promise<boolean> {
  const name = AFTER[slot.descriptor.kind]
  if (!frame.bus.has(name)) return false
  let again = false
  const event = {
    step: slot.step,
    outcome,
    ...(toolCallId !== undefined && { toolCallId }),
    retry: () => {
      checkRetry(slot)
      again = true
    },
  }
  await frame.bus.emit(
    name,
    (plugin) => ({ ...event, run: frame.viewFor(plugin) }) as unknown as HookEvents[typeof name],
  )
  // A cancel by one of them takes effect when the outcome is in the conversation: nothing that is known is lost.
  return again
}

function checkRetry(slot: Slot): void {
  const { id, policy } = slot.descriptor
  if (policy.effect !== 'once') return
  throw new HoldfastError({
    code: 'UNSUPPORTED',
    message: `step ${id} has effect 'once' and may have taken effect: retry() would do it twice. Only its reconcile function can allow another execution.`,
    details: { step: id },
  })
}

const FAILED: { readonly [K in StepKind]: ErrorCode } = {
  model: 'MODEL_FAILED',
  tool: 'TOOL_FAILED',
  wait: 'HOOK_FAILED',
  agent: 'TOOL_FAILED',
  task: 'TASK_FAILED',
}

/** Run a step to its outcome. Rejects only where the run itself can't go on: a suspension, a cancel, a failing engine. */
export async function outcomeOf<K extends StepKind>(slot: Slot<K>): Promise<StepOutcome<K>> {
  try {
    return { status: 'ok', output: await slot.run() }
  } catch (error) {
    if (isSuspended(error) || isEngineFailure(error)) throw error
    return { status: 'error', error: wrapError(error, FAILED[slot.descriptor.kind]) }
  }
}

/** A task, one after the other with what surrounds it. */
export async function runTask(
  frame: Frame,
  descriptor: StepDescriptor<'task'>,
  options: SlotOptions = {},
): Promise<StepOutcome<'task'>> {
  const slot = await before(frame, descriptor, options)
  const outcome: StepOutcome<'task'> = slot.denied === undefined ? await outcomeOf(slot) : denied(slot)
  await after(frame, slot, outcome)
  return outcome
}

/** Like `runTask`, for a task without which nothing goes on. */
export async function needTask(
  frame: Frame,
  descriptor: StepDescriptor<'task'>,
  options: SlotOptions = {},
): Promise<StepOutput<'task'>> {
  const outcome = await runTask(frame, descriptor, options)
  if (outcome.status === 'error') throw outcome.error
  return outcome.output
}

function denied(slot: Slot): { readonly status: 'error'; readonly error: HoldfastError } {
  const error = new HoldfastError({
    code: 'STEP_DENIED',
    message: `step ${slot.descriptor.id} was denied: ${slot.denied}`,
    details: { step: slot.descriptor.id },
  })
  return { status: 'error', error }
}

/** Start all in one synchronous tick, in order; wait until all have settled. */
export async function settle<T>(starts: readonly (() => Promise<T>)[]): Promise<PromiseSettledResult<T>[]> {
  return Promise.allSettled(starts.map((start) => start()))
}

/** The values; where one rejected the first failure of the run, or else a suspension. */
export function valuesOf<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  const failed = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown)
  if (failed.length > 0) throw failed.find((reason) => !isSuspended(reason)) ?? failed[0]
  return results.map((result) => (result as PromiseFulfilledResult<T>).value)
}
