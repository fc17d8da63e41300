/** What can be wrong with a step between hooks and engine, in words that say what to do. */
import type { ErrorJson } from '../errors.ts'
import { HoldfastError } from '../errors.ts'
import type { ModelInput } from '../step-kinds.ts'
import type { StepDescriptor } from '../step.ts'

export function notThatStep({ kind, id }: StepDescriptor, plugin: string): HoldfastError {
  return new HoldfastError({
    code: 'STEP_NOT_RECORDED',
    message: `plugin '${plugin}' put something into event.step that is not step ${id} of kind ${kind}. Make it with wrapStep, withInput or settledStep.`,
    details: { step: id, plugin },
  })
}

/** Whether a hook put another conversation into a model step: that is appended to by the loop alone. */
export function isOtherConversation(before: StepDescriptor, now: StepDescriptor): boolean {
  if (now.kind !== 'model') return false
  const [old, changed] = [before.input, now.input] as [ModelInput, ModelInput]
  return changed.base !== old.base || changed.append !== old.append
}

export function otherConversation({ id }: StepDescriptor, plugin: string): HoldfastError {
  return new HoldfastError({
    code: 'UNSUPPORTED',
    message: `plugin '${plugin}' put another conversation into step ${id}. middleware.model changes what a model is shown, withInput its model, settings, toolChoice and activeTools.`,
    details: { step: id, plugin },
  })
}

export function notRecorded(
  { id }: StepDescriptor,
  plugins: readonly string[],
  lostInput: boolean,
  cause: unknown,
): HoldfastError {
  const by = plugins.length > 0 ? ` (touched by ${plugins.join(', ')})` : ''
  return new HoldfastError({
    code: 'STEP_NOT_RECORDED',
    message: lostInput
      ? `step ${id} ran with another input than event.step has${by}. Change it with withInput, and pass the context on in a run() of your own.`
      : `step ${id} settled without its durable part${by}: on replay nobody would know. Call run(), or answer with settledStep.`,
    details: { step: id, plugins },
    cause,
  })
}

export function noRecord(engine: string | undefined, { id }: StepDescriptor): HoldfastError {
  return new HoldfastError({
    code: 'STEP_NOT_RECORDED',
    message: `engine '${engine}' gave no record for step ${id}: its execute() must give back what run() gave.`,
    details: { step: id },
  })
}

export function lostError(step: StepDescriptor): ErrorJson {
  return {
    code: 'OUTCOME_UNKNOWN',
    kind: 'terminal',
    message: `step ${step.id} had started when its process ended, and whether it took effect is not known. Give the tool a reconcile function, or find out and answer.`,
    details: { step: step.id },
  }
}

export function engineFailed(engine: string | undefined, { id }: StepDescriptor, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'ENGINE_UNAVAILABLE',
    kind: 'retryable',
    message: `engine '${engine}' failed at step ${id}: ${cause instanceof Error ? cause.message : String(cause)}. Run it again when the engine is back.`,
    details: { step: id },
    cause,
  })
}

export function noPlace(engine: string, { kind, id }: StepDescriptor): HoldfastError {
  return new HoldfastError({
    code: 'UNSUPPORTED',
    message: `engine '${engine}' can't do step ${id}: its plugin has no place for steps of kind ${kind}.`,
    details: { step: id, engine },
  })
}
