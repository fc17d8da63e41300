/**
 * The Step: one thing that an agent does to the outside world. The loop makes it, hooks may wrap it, a durability
 * plugin has an engine record it. This file is the contract; it knows nobody.
 */
import { digest } from './digest.ts'
import { HoldfastError } from './errors.ts'
import type { ErrorJson } from './errors.ts'
import type { Json } from './json.ts'
import { isPlainObject, membersToJson, requireJson, toJson } from './json.ts'
import type { AssistantMessage, FinishReason, Message, ProviderOptions, Usage } from './message.ts'

/** `model`: ask a model. `tool`: run a tool. `wait`: a person or a timer. `agent`: a sub-agent. `task`: other I/O. */
export type StepKind = 'model' | 'tool' | 'wait' | 'agent' | 'task'

export interface Step<K extends StepKind = StepKind> {
  readonly kind: K
  /** From position alone, e.g. `3/tool/0/searchFlights`. A wire format: it never changes for a running agent. */
  readonly id: string
  /** 1, 2, …: each further call of `run()` is an execution of its own. What an engine repeats is an attempt of it. */
  readonly execution: number
  /** What a worker looks up: the tool's or the task's name; `model`; the wait's type; the sub-agent's name. */
  readonly name: string
  /** JSON, frozen. Change it with {@link withInput}. */
  readonly input: StepInput<K>
  readonly policy: StepPolicy
  /** Do it, or be given what was recorded. Rejects with a `HoldfastError`. */
  run(context?: StepContext): Promise<StepOutput<K>>
}

/** A step without its closure: what crosses a process boundary. */
export type StepDescriptor<K extends StepKind = StepKind> = Omit<Step<K>, 'run'>

/**
 * A step as a durability plugin sees it. `run()` never rejects for what the step itself did: its failure is a part of
 * the record, so "store what comes back" is a whole plugin. It rejects only where nothing may be stored: a suspension, a
 * cancel, a retryable error on an engine that `supports.retries`.
 */
export type DurableStep<K extends StepKind = StepKind> = StepDescriptor<K> & {
  run(context?: StepContext): Promise<StepRecord>
}

/** What an engine stores: JSON, opaque to it, given back as it was. The loop checks `of` on replay. */
export interface StepRecord {
  /** {@link fingerprint} of the step that was executed. */
  readonly of: string
  readonly output?: Json
  readonly error?: ErrorJson
}

/** What an engine tells the execution of a step. All of it is optional: a closure engine may tell nothing. */
export interface StepContext {
  /** 1, 2, …: repeated by the engine itself. */
  readonly attempt?: number
  /** Aborts when the run is cancelled or the process should stop. */
  readonly signal?: AbortSignal
  /** Tell the engine that the work is alive. */
  readonly heartbeat?: (details?: Json) => void
}

/** Milliseconds throughout. */
export interface StepPolicy {
  /** For one attempt. */
  readonly timeout?: number
  readonly retry?: RetryPolicy
  /** `once`: never run again by itself; when its outcome is not known, that is an outcome (`OUTCOME_UNKNOWN`). */
  readonly effect: 'repeatable' | 'once'
}

export interface RetryPolicy {
  readonly maxAttempts: number
  readonly initialInterval: number
  readonly backoff: number
  readonly maxInterval: number
}

export type StepInput<K extends StepKind> = StepInputs[K]
export type StepOutput<K extends StepKind> = StepOutputs[K]

interface StepInputs {
  model: ModelInput
  /** What the model wrote for the tool. */
  tool: Json
  wait: WaitInput
  /** What the model wrote for the sub-agent; for a run itself, what it was started with. */
  agent: Json
  task: Json
}

interface StepOutputs {
  model: ModelOutput
  tool: Json
  wait: WaitOutput
  agent: Json
  task: Json
}

/** A prefix of the conversation: its length in messages and the digest chained over them. */
export interface Base {
  readonly length: number
  readonly digest: string
}

export interface ModelInput {
  /** The model's key in the agent's `models`. */
  readonly model: string
  /** What the executor has or can ask the run for. */
  readonly base: Base
  /** What is new since. */
  readonly append: readonly Message[]
  readonly settings?: ModelSettings
  readonly toolChoice?: ToolChoice
  /** Names of the tools that are shown; all when left out. */
  readonly activeTools?: readonly string[]
}

/** Call settings of the AI SDK, those that are JSON. */
export interface ModelSettings {
  readonly maxOutputTokens?: number
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly presencePenalty?: number
  readonly frequencyPenalty?: number
  readonly stopSequences?: readonly string[]
  readonly seed?: number
  readonly reasoning?: 'provider-default' | 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'
  readonly headers?: { readonly [name: string]: string }
  readonly providerOptions?: ProviderOptions
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly tool: string }

export interface ModelOutput {
  readonly message: AssistantMessage
  /** Tool calls to execute here, in the model's order. Calls that the provider ran are in `message` alone. */
  readonly calls: readonly ModelToolCall[]
  readonly finishReason: FinishReason
  readonly usage: Usage
  /** Structured output, parsed and valid. */
  readonly output?: Json
  /** Why the reply is not the structured output that was asked for. */
  readonly outputInvalid?: string
  readonly warnings?: Json
  readonly providerMetadata?: ProviderOptions
  /** `{ id, modelId, timestamp }` as the provider gave it. */
  readonly response?: Json
}

export interface ModelToolCall {
  readonly toolCallId: string
  readonly toolName: string
  readonly input: Json
  /** What is wrong with the call (unknown tool, not JSON, against the schema): told to the model, never executed. */
  readonly invalid?: string
  readonly needsApproval?: boolean
}

export type WaitInput = ApprovalWait | InterruptWait | TimerWait | UnknownOutcomeWait

interface WaitFor {
  /** Digest of the input that the answer is bound to. */
  readonly of: string
}
/** Answer: {@link ApprovalAnswer}. */
export interface ApprovalWait extends WaitFor {
  readonly type: 'approval'
  readonly tool: string
  readonly toolCallId: string
  readonly input: Json
}
/** Answer: JSON that fits `schema`. */
export interface InterruptWait extends WaitFor {
  readonly type: 'interrupt'
  readonly name: string
  readonly data?: Json
  /** JSON Schema. */
  readonly schema?: Json
}
export interface TimerWait extends WaitFor {
  readonly type: 'timer'
  /** Milliseconds. */
  readonly duration: number
}
/** A `once` step whose outcome nobody knows. Answer: {@link Reconciled}. */
export interface UnknownOutcomeWait extends WaitFor {
  readonly type: 'unknown-outcome'
  readonly tool: string
  readonly input: Json
}

export interface ApprovalAnswer {
  readonly approved: boolean
  readonly reason?: string
  readonly by?: string
  /** Run the tool with this instead. */
  readonly input?: Json
}

/** What became of a `once` step. Only `not-done` permits another execution. */
export type Reconciled =
  | { readonly status: 'done'; readonly output: Json }
  | { readonly status: 'not-done' }
  | { readonly status: 'unknown' }

export type WaitOutput = { readonly answer: Json } | { readonly timedOut: true }

/** A wait that a person can answer. */
export interface OpenWait {
  readonly id: string
  readonly input: WaitInput
}

/** The name of one execution, e.g. `3/model#2`: what an engine files the record under. */
export function executionId(step: Pick<Step, 'id' | 'execution'>): string {
  return step.execution === 1 ? step.id : `${step.id}#${step.execution}`
}

/** What a step is, in short: its kind, its name, and a digest of both, its id and its input. The same on replay. */
export function fingerprint({ kind, id, name, input }: StepDescriptor): string {
  return `${kind}:${name}:${digest([kind, id, name, input as unknown as Json])}`
}

/**
 * That what was recorded is of this very step. The loop does it for records; a plugin does it for what its engine keeps
 * beside them, e.g. a wait that was opened.
 * @param recorded the {@link fingerprint} of the step that was recorded
 * @throws `DIVERGED`
 */
export function requireSameStep(step: StepDescriptor, recorded: string, plugins: readonly string[] = []): void {
  const now = fingerprint(step)
  if (recorded === now) return
  const by = plugins.length > 0 ? `; touched by ${plugins.join(', ')}` : ''
  throw new HoldfastError({
    code: 'DIVERGED',
    message:
      `step ${executionId(step)} is not the one that was recorded: now ${now}, recorded ${recorded}${by}. Nothing recorded ` +
      'was changed: roll back, or make the new version do the same as before for runs in flight.',
    details: { step: step.id, now, recorded, plugins },
  })
}

/**
 * A step that runs `around` in place of itself. `around` calls `run` (once, several times for a retry, or not at all)
 * and is told the step as it is when it runs, the changes of hooks after this one included. It stays in the loop: it
 * runs again on replay, around the recorded outcome.
 */
export function wrapStep<K extends StepKind>(
  step: Step<K>,
  around: (run: (context?: StepContext) => Promise<StepOutput<K>>, step: Step<K>) => Promise<StepOutput<K>>,
): Step<K> {
  return {
    ...step,
    run(context) {
      const now = currentStep(step, context)
      const run = (inner: StepContext = context ?? {}): Promise<StepOutput<K>> => step.run(pass(inner, now))
      const told = { ...now, run }
      return around(run, isBare(step) ? markBare(told) : told)
    },
  }
}

/** A step with another input: members of `patch` replace those of an object, anything else replaces it whole. */
export function withInput<K extends StepKind>(step: Step<K>, patch: Partial<StepInput<K>>): Step<K> {
  const before: unknown = step.input
  const where = `step ${step.id}: input`
  if (!isPlainObject(before) || !isPlainObject(patch)) return replaceInput(step, toJson(patch, where) as StepInput<K>)
  // What is there already is JSON: tagging it once more would change it.
  const kept = Object.entries(before).filter(([key]) => !Object.hasOwn(patch, key))
  const merged: unknown = { ...Object.fromEntries(kept), ...membersToJson(patch, where) }
  return replaceInput(step, merged as StepInput<K>)
}

/** For the loop: a step with another input, whole. */
export function replaceInput<K extends StepKind>(step: Step<K>, input: StepInput<K>): Step<K> {
  const changed: Step<K> = {
    ...step,
    input: deepFreeze(input),
    run: (context) => step.run(pass(context ?? {}, currentStep(changed, context))),
  }
  return changed
}

/**
 * A step that is already answered: a guardrail that decides by itself, the same way each time. Nothing is recorded.
 * @throws `NOT_JSON`
 */
export function settledStep<K extends StepKind>(step: Step<K>, output: StepOutput<K>): Step<K> {
  const answer = requireJson(output, `step ${step.id}: output`) as StepOutput<K>
  return {
    ...step,
    run() {
      ;(step as Internal<K>)[SETTLE]?.()
      return Promise.resolve(answer)
    },
  }
}

/**
 * A step as data, for an engine that executes it by name.
 * @throws `STEP_CLOSURE_LOST` where something was wrapped inside of the durable part: the worker would never run it
 */
export function describeStep<K extends StepKind>(step: StepDescriptor<K> & { run: unknown }): StepDescriptor<K> {
  if (!isBare(step)) {
    throw new HoldfastError({
      code: 'STEP_CLOSURE_LOST',
      message:
        `step ${step.id} crosses the process by name, and what was wrapped around it before the durability plugin ` +
        'would be lost. Wrap it in a hook of another plugin, or do the work in middleware.',
      details: { step: step.id },
    })
  }
  const { kind, id, execution, name, input, policy } = step
  return { kind, id, execution, name, input, policy }
}

// What the loop needs of a step beyond its contract travels under symbols, so that `{ ...step, run }` keeps it.
const AS = Symbol('holdfast.as')
const BARE = Symbol('holdfast.bare')
const SETTLE = Symbol('holdfast.settle')

type Internal<K extends StepKind> = Step<K> & { [SETTLE]?: () => void }
type InternalContext<K extends StepKind> = StepContext & { [AS]?: StepDescriptor<K> }

/** For the loop: a step at the very inside, with what is to be called when a hook settles it. */
export function bareStep<S extends { run: unknown }>(step: S, onSettle?: () => void): S {
  return markBare(Object.assign(step, { [SETTLE]: onSettle }))
}

/** For the loop: the step as the layers outside of it want it. */
export function currentStep<K extends StepKind>(own: Step<K>, context?: StepContext): Step<K> {
  const as = (context as InternalContext<K> | undefined)?.[AS]
  return as ? { ...own, input: as.input, policy: as.policy, execution: as.execution } : own
}

/** For the loop: a context that tells the layers inside what the step has become. */
export function pass<K extends StepKind>(context: StepContext, as: StepDescriptor<K>): StepContext {
  return { ...context, [AS]: as } as StepContext
}

function markBare<S extends { run: unknown }>(step: S): S {
  return Object.assign(step, { [BARE]: step.run })
}

function isBare(step: { run: unknown }): boolean {
  return (step as { [BARE]?: unknown })[BARE] === step.run
}

/** JSON, frozen through and through: an input that a hook could change in place would be seen by no engine. */
export function deepFreeze<T>(value: T): T {
  if (value !== null && typeof value === 'object' && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) deepFreeze(member)
  }
  return value
}
