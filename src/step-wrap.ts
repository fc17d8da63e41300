/** Making steps of steps: what hooks put into `event.step`, and what the loop needs to see through it. */
import { HoldfastError } from './errors.ts'
import { deepFreeze, isPlainObject, membersToJson, requireJson, toJson } from './json.ts'
import type { Step, StepContext, StepDescriptor } from './step.ts'
import type { StepInput, StepKind, StepOutput } from './step-kinds.ts'

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
        `step ${step.id} crosses the process by name: what is wrapped inside of the durability plugin would be lost. ` +
        'Wrap it in a hook of another plugin, or use middleware.',
      details: { step: step.id },
    })
  }
  return asDescriptor(step)
}

/** For the loop: the members of a step that are data. */
export function asDescriptor<K extends StepKind>(step: StepDescriptor<K>): StepDescriptor<K> {
  const { kind, id, execution, name, input, policy } = step
  return { kind, id, execution, name, input, policy }
}

// What the loop needs of a step beyond its contract travels under symbols, so that `{ ...step, run }` keeps it.
const AS = Symbol('holdfast.as')
const BARE = Symbol('holdfast.bare')
const SETTLE = Symbol('holdfast.settle')

type Internal<K extends StepKind> = Step<K> & { [BARE]?: unknown; [SETTLE]?: (() => void) | undefined }
type InternalContext<K extends StepKind> = StepContext & { [AS]?: StepDescriptor<K> }

/** For the loop: a step at the very inside, with what is to be called when a hook settles it. */
export function bareStep<K extends StepKind>(
  descriptor: StepDescriptor<K>,
  run: Step<K>['run'],
  onSettle?: () => void,
): Step<K> {
  const step: Internal<K> = { ...asDescriptor(descriptor), run, [BARE]: run, [SETTLE]: onSettle }
  return step
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
