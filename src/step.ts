/**
 * The Step: one thing that an agent does to the outside world. The loop makes it, hooks may wrap it, a durability
 * plugin has an engine record it. This file is the contract; it knows nobody. (Inputs and outputs by kind: `step-kinds.ts`;
 * wrapping: `step-wrap.ts`.)
 */
import { chainDigest, digest } from './digest.ts'
import type { ErrorJson } from './errors.ts'
import { HoldfastError } from './errors.ts'
import type { Json } from './json.ts'
import type { ModelInput, StepInput, StepKind, StepOutput } from './step-kinds.ts'

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

/** The name of one execution, e.g. `3/model#2`: what an engine files the record under. */
export function executionId(step: Pick<Step, 'id' | 'execution'>): string {
  return step.execution === 1 ? step.id : `${step.id}#${step.execution}`
}

/**
 * What a step is, in short: its kind, its name, and a digest of both, its id and its input. The same on replay. What is new
 * in a conversation stands in it as the digest that is chained over it, which the next base has, too.
 */
export function fingerprint({ kind, id, name, input }: StepDescriptor): string {
  const what = kind === 'model' ? withChain(input as ModelInput) : input
  return `${kind}:${name}:${digest([kind, id, name, what as unknown as Json])}`
}

function withChain(input: ModelInput): object {
  let chain = input.base.digest
  for (const message of input.append) chain = chainDigest(chain, message as unknown as Json)
  return { ...input, append: chain }
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
