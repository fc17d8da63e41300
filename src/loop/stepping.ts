/** A step through its hooks: before, run, after. Batches, waits and tasks are made of it. */
import type { ErrorCode } from '../errors.ts'
import { HoldfastError, isEngineFailure, isSuspended, wrapError } from '../errors.ts'
import type { HookEvents, HookName, HookRun, InterruptRequest, StepOutcome } from '../hooks/events.ts'
import type { Frame } from './run-context.ts'
import { isPromise } from '../promise.ts'
import type { SlotOptions } from './slot.ts'
import { Slot } from './slot.ts'
import type { Step, StepDescriptor, StepPolicy } from '../step.ts'
import type { StepKind, StepOutput } from '../step-kinds.ts'

/** What the hooks of a step may ask for. */
export interface Asks {
  interrupt(plugin: string, request: InterruptRequest): Promise<unknown>
  task(plugin: string, name: string, input: unknown): Promise<unknown>
  sleep(plugin: string, duration: number | string): Promise<void>
}

export interface BeforeOptions {
  readonly asks?: Asks
  readonly toolCallId?: string | undefined
}

/** Of the loop's own tasks that ask something outside: a service to reconcile with, a store for files. */
export const IO_POLICY: StepPolicy = {
  effect: 'repeatable',
  retry: { maxAttempts: 3, initialInterval: 1_000, backoff: 2, maxInterval: 60_000 },
}

/** The hook before a step of a kind. */
export const BEFORE: { readonly [K in StepKind]: HookName } = {
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
  options: SlotOptions = {},
): Promise<Slot<K>> {
  const opened = Slot.open(frame, descriptor, options)
  const slot = isPromise(opened) ? await opened : opened
  const name = BEFORE[descriptor.kind]
  if (!frame.bus.has(name)) return slot
  await callBefore(slot, name)
  frame.checkCancelled()
  return slot
}

/** Call the Before… hooks of a step. */
export function callBefore<K extends StepKind>(
  slot: Slot<K>,
  name: HookName,
  options: BeforeOptions = {},
): Promise<void> {
  return slot.frame.bus.emit(
    name,
    (plugin) => new BeforeView(slot, plugin, options) as unknown as HookEvents[typeof name],
  )
}

/**
 * A Before… event as one plugin's hooks see it. A class, whose functions are made when they are asked for: there is one of
 * it for each hook of each step, and accessors in an object literal cost 20 times as much.
 */
class BeforeView<K extends StepKind> {
  readonly #slot: Slot<K>
  readonly #plugin: string
  readonly #asks: Asks | undefined
  readonly toolCallId: string | undefined

  constructor(slot: Slot<K>, plugin: string, { asks, toolCallId }: BeforeOptions) {
    this.#slot = slot
    this.#plugin = plugin
    this.#asks = asks
    this.toolCallId = toolCallId
  }

  get step(): Step<K> {
    return this.#slot.step
  }

  set step(step: Step<K>) {
    this.#slot.replace(step, this.#plugin)
  }

  get run(): HookRun {
    return this.#slot.frame.viewFor(this.#plugin)
  }

  get cancelRun(): (reason: string) => void {
    return (reason) => this.#slot.frame.run.cancelHere(reason)
  }

  get denyStep(): (reason: string) => void {
    return (reason) => {
      this.#slot.denied ??= `${reason}`
    }
  }

  get interrupt(): ((request: InterruptRequest) => Promise<unknown>) | undefined {
    return this.#asks && ((request) => (this.#asks as Asks).interrupt(this.#plugin, request))
  }

  get task(): ((name: string, input?: unknown) => Promise<unknown>) | undefined {
    return this.#asks && ((name, input) => (this.#asks as Asks).task(this.#plugin, name, input))
  }

  get sleep(): ((duration: number | string) => Promise<void>) | undefined {
    return this.#asks && ((duration) => (this.#asks as Asks).sleep(this.#plugin, duration))
  }
}

/** Whether anybody listens for the end of such a step. */
export function hasAfter({ frame, descriptor }: Slot): boolean {
  return frame.bus.has(AFTER[descriptor.kind])
}

/** Call the After… hooks of a step; gives whether one of them wants it run again. */
export async function after<K extends StepKind>(
  slot: Slot<K>,
  outcome: StepOutcome<K>,
  toolCallId?: string,
): Promise<boolean> {
  const { frame, step } = slot
  const name = AFTER[slot.descriptor.kind]
  if (!frame.bus.has(name)) return false
  let again = false
  const retry = (): void => {
    checkRetry(slot)
    again = true
  }
  await frame.bus.emit(name, (plugin) => {
    const event = { step, outcome, run: frame.viewFor(plugin), toolCallId, retry }
    return event as unknown as HookEvents[typeof name]
  })
  // A cancel by one of them takes effect when the outcome is in the conversation: nothing that is known is lost.
  return again
}

function checkRetry(slot: Slot): void {
  const { id, policy } = slot.descriptor
  if (policy.effect !== 'once') return
  throw new HoldfastError({
    code: 'UNSUPPORTED',
    message: `step ${id} has effect 'once' and may have taken effect: only its reconcile function can allow another execution.`,
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
    return { status: 'error', error: failureOf(slot, error) }
  }
}

/** What a step failed with. Throws what takes the run itself out of the loop. */
export function failureOf<K extends StepKind>({ descriptor }: Slot<K>, error: unknown): HoldfastError {
  if (isSuspended(error) || isEngineFailure(error)) throw error
  return wrapError(error, FAILED[descriptor.kind])
}

/** A task, one after the other with what surrounds it. */
export async function runTask(
  frame: Frame,
  descriptor: StepDescriptor<'task'>,
  options: SlotOptions = {},
): Promise<StepOutcome<'task'>> {
  const slot = await before(frame, descriptor, options)
  const outcome: StepOutcome<'task'> = slot.denied === undefined ? await outcomeOf(slot) : denied(slot)
  await after(slot, outcome)
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
export function settle<T>(starts: readonly (() => Promise<T>)[]): Promise<PromiseSettledResult<T>[]> {
  return Promise.allSettled(starts.map((start) => start()))
}

/** The values; where one rejected the first failure of the run, or else a suspension. */
export function valuesOf<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  const failed = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason as unknown)
  if (failed.length > 0) throw failed.find((reason) => !isSuspended(reason)) ?? failed[0]
  return results.map((result) => (result as PromiseFulfilledResult<T>).value)
}
