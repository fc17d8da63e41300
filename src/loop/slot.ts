/**
 * A slot: one step on its way through hooks and engine. From the inside out: what does the work, the durable part, the
 * gate (which counts executions and checks what comes back), then whatever hooks wrapped around it.
 */
import type { ErrorJson } from '../errors.ts'
import {
  errorFromJson,
  errorToJson,
  type HoldfastError,
  isEngineFailure,
  isHoldfastError,
  isSuspended,
} from '../errors.ts'
import { performStep } from '../execute/execute-step.ts'
import { requireExecutable } from '../execute/tool.ts'
import { callHook } from '../hooks/hook-bus.ts'
import type { Json } from '../json.ts'
import { deepFreeze, requireJson } from '../json.ts'
import type { Frame } from './run-context.ts'
import { suspended } from './run-context.ts'
import type { Seq } from './seq.ts'
import type { StepInput, StepKind, StepOutput, WaitInput, WaitOutput } from '../step-kinds.ts'
import type { Step, StepContext, StepDescriptor, StepRecord } from '../step.ts'
import { asDescriptor, bareStep, currentStep, pass } from '../step-wrap.ts'
import { executionId, fingerprint, requireSameStep } from '../step.ts'
import { delay } from '../execute/stop.ts'
import {
  engineFailed,
  isOtherConversation,
  lostError,
  noPlace,
  noRecord,
  notRecorded,
  notThatStep,
  otherConversation,
} from './slot-errors.ts'

const SEAM = { model: 'BeforeModelCall', tool: 'BeforeToolCall', task: 'BeforeTask', wait: 'BeforeWait' } as const

export interface SlotOptions {
  readonly seq?: Seq
  /** The work of a sub-agent, which is no single step. */
  readonly body?: (step: Step) => Promise<Json>
}

export class Slot<K extends StepKind = StepKind> {
  readonly frame: Frame
  readonly descriptor: StepDescriptor<K>
  readonly seq: Seq | undefined
  /** What runs: the gate, and what hooks made of it. */
  step: Step<K>
  /** Plugins whose hooks put something into `event.step`. */
  readonly touched: string[] = []
  /** Why a hook refused the step. */
  denied: string | undefined
  /** Whether the work was done in this process, in the last execution. */
  live = false
  executions = 0
  readonly #body: ((step: Step) => Promise<Json>) | undefined
  /** What the engine records; without one the work itself is done. */
  #durable: { run(context?: StepContext): Promise<unknown> } | undefined
  #settled = false
  #once: Promise<StepOutput<K>> | undefined
  #reached: Step<K> | undefined
  /** What the durable part gave last: all else is what hooks made of it. */
  #given: StepOutput<K> | undefined
  /** A suspension, a cancel, a failure of the engine: it comes out of the step whatever a wrapper makes of it. */
  #failure: HoldfastError | undefined
  /** For the events of the present execution. */
  #seq: Seq | undefined
  /** What `run()` rejected with: it comes out of the step as it was, whatever an engine wraps around it. */
  #rejection: unknown
  /** The mark of a `once` step was found in the record: it had started before, and nobody knows how it ended. */
  #lost = false
  #printed: { readonly input: StepInput<K>; readonly of: string } | undefined

  private constructor(frame: Frame, descriptor: StepDescriptor<K>, options: SlotOptions) {
    this.frame = frame
    this.descriptor = descriptor
    this.#body = options.body
    this.seq = frame.observed ? (options.seq ?? frame.seq).child() : undefined
    deepFreeze(descriptor.input)
    const gate: Step<K> = bareStep(
      descriptor,
      (context) => this.#enter(gate, context),
      () => {
        this.#settled = true
      },
    )
    this.step = gate
  }

  /** A slot whose step has its durable part in place, before any other hook has seen it. */
  static open<K extends StepKind>(
    frame: Frame,
    descriptor: StepDescriptor<K>,
    options: SlotOptions = {},
  ): Slot<K> | Promise<Slot<K>> {
    const slot = new Slot(frame, descriptor, options)
    return frame.run.port && descriptor.kind !== 'agent' ? slot.#makeDurable(frame.run.port.engine) : slot
  }

  async #makeDurable(engine: string): Promise<this> {
    const { frame, descriptor } = this
    const { durable, durableName } = frame.run
    const name = SEAM[descriptor.kind as Exclude<StepKind, 'agent'>]
    const hook = durable[name] as ((event: unknown) => Promise<void> | void) | undefined
    if (!hook) throw noPlace(engine, descriptor)
    const bare: Step<K> = bareStep(descriptor, async (context) => {
      try {
        const step = currentStep(bare, context)
        const done = await this.#perform(step, context)
        return (step.kind === 'wait' ? done : { of: this.#fingerprintOf(step), ...(done as object) }) as never
      } catch (error) {
        this.#rejection = error
        throw error
      }
    })
    const event = { step: bare, run: frame.viewFor(durableName) }
    await callHook(durableName, name, hook, event as never)
    this.#durable = event.step
    return this
  }

  /** Put a step of a hook in. */
  replace(step: Step<K>, plugin: string): void {
    const { kind, id } = this.descriptor
    if (typeof step?.run !== 'function' || step.kind !== kind || step.id !== id) {
      throw notThatStep(this.descriptor, plugin)
    }
    if (!this.touched.includes(plugin)) this.touched.push(plugin)
    if (isOtherConversation(this.descriptor, step)) throw otherConversation(this.descriptor, plugin)
    this.step = step
  }

  /** In the engine's scope of this step, if it opens one: around all that hooks wrapped. */
  inScope<T>(body: () => Promise<T>): Promise<T> {
    const { scope } = this.frame.run
    if (!scope) return body()
    return scope({ ...asDescriptor(this.step), execution: this.executions + 1 }, body, this.frame.info)
  }

  /** Run the step as hooks made it. Rejects if it ends by any way but its durable part or `settledStep`. */
  async run(): Promise<StepOutput<K>> {
    this.#reached = undefined
    this.#settled = false
    this.#failure = undefined
    let output: StepOutput<K>
    try {
      output = await this.step.run()
    } catch (error) {
      if (!this.#failure) this.#checkReached(error)
      throw this.#failure ?? error
    }
    if (this.#failure) throw this.#failure
    this.#checkReached(undefined)
    return output === this.#given || this.#settled
      ? output
      : (requireJson(output, `step ${this.descriptor.id}: output`) as StepOutput<K>)
  }

  #checkReached(cause: unknown): void {
    if (this.#settled) return
    const lostInput = this.#reached !== undefined && this.#reached.input !== this.step.input
    if (!this.#reached || lostInput) throw notRecorded(this.descriptor, this.touched, lostInput, cause)
  }

  /** Only what `reconcile` or a person found (`not-done`) lets a `once` step run again. */
  permitAnother(): void {
    this.#once = undefined
  }

  /** A wrapper that retries gets the outcome of a `once` step's execution again: never a blind rerun. */
  #enter(own: Step<K>, context: StepContext | undefined): Promise<StepOutput<K>> {
    // What takes the run out of the loop is nothing that a wrapper could catch and go on from, or try again.
    if (this.#failure) return Promise.reject(this.#failure)
    if (own.kind !== 'tool' || own.policy.effect !== 'once') return this.#throughGate(own, context)
    this.#once ??= this.#throughGate(own, context)
    return this.#once
  }

  async #throughGate(own: Step<K>, context: StepContext | undefined): Promise<StepOutput<K>> {
    const now = { ...currentStep(own, context), execution: ++this.executions }
    this.#reached = now
    this.live = false
    this.#seq = this.seq?.child()
    let started = false
    try {
      if (now.kind === 'tool' && now.policy.effect === 'once') await this.#markStarted(now as Step<'tool'>)
      const { run } = this.frame
      if (run.byName && now.kind !== 'wait') this.#tellStarted(now, run.phase)
      started = true
      const result = this.#durable
        ? await this.#recorded(this.#durable, now, context)
        : await this.#perform(now, context)
      if (!run.port) this.#keep(now, result)
      const output = this.#outputOf(now, result)
      this.#given = output
      this.#tellFinished(now, { output })
      return output
    } catch (error) {
      const suspended = isSuspended(error)
      // A step that waits has not finished.
      if (started && !suspended) this.#tellFinished(now, { error: errorToJson(error, 'TOOL_FAILED') })
      if (suspended || isEngineFailure(error)) this.#failure = error as HoldfastError
      throw error
    }
  }

  /** What the engine has for the step, whether since now or since before. */
  async #recorded(
    durable: { run(context?: StepContext): Promise<unknown> },
    now: Step<K>,
    context: StepContext | undefined,
  ): Promise<unknown> {
    this.#rejection = undefined
    try {
      return await durable.run(pass(context ?? {}, now))
    } catch (failure) {
      const error = this.#rejection ?? failure
      if (isHoldfastError(error)) throw error
      // What a step does is in its record, so this is the engine: no outcome, and nothing to tell a model.
      throw engineFailed(this.frame.run.port?.engine, now, error)
    }
  }

  /** Without an engine a batch that waits for a person is repeated, and what it did is not done again. */
  #keep(now: Step<K>, result: unknown): void {
    if (now.kind === 'agent' || now.kind === 'wait') return
    this.frame.run.keepRecord(executionId(now), now, result as Omit<StepRecord, 'of'>)
  }

  #outputOf(now: Step<K>, result: unknown): StepOutput<K> {
    if (now.kind === 'agent' || now.kind === 'wait') return result as StepOutput<K>
    const record = result as StepRecord
    this.#checkRecord(now, record)
    if (record.error) throw errorFromJson(record.error)
    // As recorded: what a hook changed in place would be seen by no engine.
    return deepFreeze(record.output) as StepOutput<K>
  }

  /** Divergence is found here, for every engine: what was recorded says of which step it is. */
  #checkRecord(now: StepDescriptor<K>, record: StepRecord): void {
    const { port } = this.frame.run
    // Without an engine a fingerprint is made only where the state leaves the process.
    if (!port && record.of === undefined) return
    if (!record || typeof record.of !== 'string') throw noRecord(port?.engine, now)
    if (record.of !== this.#fingerprintOf(now)) requireSameStep(now, record.of, this.touched)
  }

  /** Of a step that was just executed it is asked for twice; of its parts hooks can change the input alone. */
  #fingerprintOf(step: StepDescriptor<K>): string {
    if (this.#printed?.input !== step.input) this.#printed = { input: step.input, of: fingerprint(step) }
    return this.#printed.of
  }

  /** The innermost: do the work. Gives the outcome as data; of waits and sub-agents what they give. */
  #perform(step: Step<K>, context: StepContext | undefined): Promise<unknown> {
    const { run, definition, execution } = this.frame
    this.live = true
    if (step.kind === 'wait') return this.#wait(step as unknown as Step<'wait'>)
    if (this.#body) {
      if (!run.byName) this.#tellStarted(step, run.phase)
      return this.#body(step as unknown as Step)
    }
    const kept = run.port ? undefined : run.kept(executionId(step))
    if (kept !== undefined) {
      this.live = false
      return Promise.resolve(kept)
    }
    run.wentLive()
    this.#tellStarted(step, 'live')
    if (this.#lost) return Promise.resolve({ error: lostError(step) })
    return performStep(definition, step, context ? { ...execution, ...context } : execution)
  }

  /** Without an engine: a timer runs in this process, a person is waited for outside of it. */
  async #wait(step: Step<'wait'>): Promise<StepOutput<'wait'>> {
    const { run } = this.frame
    const input: WaitInput = step.input
    const known = run.kept(step.id) as { readonly of: string; readonly output: WaitOutput } | undefined
    if (known?.of === input.of) return known.output
    this.frame.opened(step.id)
    if (input.type !== 'timer') throw suspended([{ id: step.id, input }])
    await delay(input.duration, run.cancellation.onStop)
    const output = { timedOut: true } as const
    run.keep(step.id, { of: input.of, output })
    return output
  }

  /**
   * Record that a `once` step starts, before it does: where the mark is found in the record and the step's outcome is not,
   * the process died in between, and nobody knows what became of it.
   */
  async #markStarted(step: Step<'tool'>): Promise<void> {
    const { port } = this.frame.run
    if (!port || port.supports.once) return
    // A mark is found by whoever takes the run up, with the tool: here its body could not even have started.
    requireExecutable(this.frame.definition, step.name)
    const suffix = step.execution === 1 ? '' : `/${step.execution}`
    const mark = await Slot.open<'task'>(
      this.frame,
      {
        kind: 'task',
        id: `${step.id}/started${suffix}`,
        execution: 1,
        name: 'holdfast.started',
        input: { input: step.input as StepInput<'tool'> },
        policy: { effect: 'once' },
      },
      this.seq ? { seq: this.seq } : {},
    )
    await mark.run()
    this.#lost = !mark.live
  }

  #tellStarted(step: StepDescriptor<K>, phase: 'live' | 'replay'): void {
    if (this.#seq) this.frame.tell({ type: 'step-started', step: asDescriptor(step) }, phase, this.#seq)
  }

  #tellFinished(step: StepDescriptor<K>, outcome: { output: StepOutput<K> } | { error: ErrorJson }): void {
    if (!this.#seq || step.kind === 'wait') return
    const { run } = this.frame
    if (run.byName) this.live = run.phase === 'live'
    if (!this.live && !run.byName) this.#tellStarted(step, 'replay')
    const phase = step.kind === 'agent' ? run.phase : this.live ? 'live' : 'replay'
    this.frame.tell({ type: 'step-finished', step: asDescriptor(step), ...outcome }, phase, this.#seq)
  }
}
