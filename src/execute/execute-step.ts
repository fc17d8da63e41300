/**
 * The executor: does the work of a step, where the app's models, tools and tasks are. A closure engine calls it in this
 * process; a by-name engine's worker calls `executeStep` with the step's descriptor.
 */
import type { AgentDefinition } from '../definition.ts'
import type { ErrorCode, HoldfastError } from '../errors.ts'
import { errorFromJson, errorToJson, HoldfastError as Failure, isEngineFailure, isSuspended } from '../errors.ts'
import type { AttemptContext, ExecuteContext } from './context.ts'
import { executeModel } from './model.ts'
import { executeTask } from './task.ts'
import { executeTool } from './tool.ts'
import type { Json } from '../json.ts'
import { StepPublisher } from './publish.ts'
import type { RetryPolicy, StepDescriptor, StepRecord } from '../step.ts'
import type { StepKind } from '../step-kinds.ts'
import { fingerprint } from '../step.ts'
import type { OnStop } from './stop.ts'
import { Attempt, delay, MAX_TIMER, stopsOf } from './stop.ts'

/**
 * Execute a step and give what the engine is to store. A failure of the step is a part of it.
 *
 * Rejects with `CANCELLED`; with `TOOL_UNKNOWN`, `MODEL_UNKNOWN`, `TASK_UNKNOWN` (retryable: another worker may know it); and
 * with the step's own retryable failures where `retries` is `engine`.
 */
export async function executeStep(
  agent: { readonly definition: AgentDefinition },
  step: StepDescriptor,
  context: ExecuteContext,
): Promise<StepRecord> {
  return { of: fingerprint(step), ...(await performStep(findAgent(agent.definition, context.agent), step, context)) }
}

/** The outcome of a step, without the fingerprint that only a record needs. */
export async function performStep(
  definition: AgentDefinition,
  step: StepDescriptor,
  context: ExecuteContext,
): Promise<Omit<StepRecord, 'of'>> {
  const retry = context.retries === 'here' ? step.policy.retry : undefined
  const onStop = stopsOfContext(context)
  const first = context.attempt ?? 1
  for (let attempt = first; ; attempt++) {
    try {
      return { output: await attemptStep(definition, step, context, attempt, onStop) }
    } catch (error) {
      if (isSuspended(error) || isEngineFailure(error)) throw error
      const failure = errorToJson(error, FAILED[step.kind])
      if (failure.kind === 'retryable') {
        // A `once` step is never tried again, so its failure is its outcome.
        if (context.retries === 'engine' && step.policy.effect !== 'once') throw errorFromJson(failure)
        const failed = attempt - first + 1
        if (retry && failed < retry.maxAttempts) {
          await delay(failure.retryAfter ?? backoff(retry, failed), onStop)
          continue
        }
      }
      return { error: failure }
    }
  }
}

/** The run's own stop, and that of the engine for this step. */
function stopsOfContext({ onStop, signal }: ExecuteContext): OnStop | undefined {
  const own = signal && stopsOf(signal)
  if (!onStop || !own) return onStop ?? own
  return (callback) => {
    const off = [onStop(callback), own(callback)]
    return () => {
      for (const take of off) take()
    }
  }
}

const FAILED: { readonly [K in StepKind]: ErrorCode } = {
  model: 'MODEL_FAILED',
  tool: 'TOOL_FAILED',
  task: 'TASK_FAILED',
  wait: 'TASK_FAILED',
  agent: 'TOOL_FAILED',
}

async function attemptStep(
  definition: AgentDefinition,
  step: StepDescriptor,
  context: ExecuteContext,
  attemptNumber: number,
  onStop: OnStop | undefined,
): Promise<Json> {
  const attemptScope = new Attempt()
  const off = onStop?.(attemptScope.stop)
  const { timeout } = step.policy
  const timer =
    timeout === undefined
      ? undefined
      : setTimeout(() => attemptScope.stop(timedOut(step, timeout)), Math.min(timeout, MAX_TIMER))
  const publisher = StepPublisher.of(step, context)
  const attempt: AttemptContext = {
    ...context,
    definition,
    step,
    attemptNumber,
    attemptScope,
    idempotencyKey: idempotencyKey(context.runId, step.id),
    publisher,
  }
  try {
    const output = await attemptScope.run(() => execute(attempt))
    if (publisher) await publisher.end()
    return output
  } catch (error) {
    if (publisher) await publisher.fail()
    throw error
  } finally {
    off?.()
    if (timer !== undefined) clearTimeout(timer)
  }
}

function execute(attempt: AttemptContext): Promise<Json> {
  switch (attempt.step.kind) {
    case 'model':
      return executeModel(attempt) as Promise<unknown> as Promise<Json>
    case 'tool':
      return executeTool(attempt)
    default:
      return executeTask(attempt)
  }
}

/** The same over attempts, executions, resumes: it has neither number. */
export function idempotencyKey(runId: string, stepId: string): string {
  return `${runId}/${stepId}`
}

function backoff(retry: RetryPolicy, failed: number): number {
  return Math.min(retry.initialInterval * retry.backoff ** (failed - 1), retry.maxInterval)
}

function timedOut(step: StepDescriptor, timeout: number): HoldfastError {
  const once = step.policy.effect === 'once'
  return new Failure({
    code: once ? 'OUTCOME_UNKNOWN' : 'STEP_TIMEOUT',
    kind: once ? 'terminal' : 'retryable',
    message: `step ${step.id} took more than ${timeout} ms${once ? '; whether it took effect is not known' : ''}`,
    details: { step: step.id, timeout },
  })
}

/** The agent of that name: the definition itself, or a sub-agent below it. */
export function findAgent(definition: AgentDefinition, name: string | undefined): AgentDefinition {
  const found = name === undefined ? definition : search(definition, name)
  if (found) return found
  throw new Failure({
    code: 'TOOL_UNKNOWN',
    kind: 'retryable',
    message: `agent '${definition.spec.name}' here has no sub-agent '${name}'. Deploy a worker whose agent has it.`,
  })
}

function search(definition: AgentDefinition, name: string): AgentDefinition | undefined {
  if (definition.spec.name === name) return definition
  for (const { agent } of definition.tools.values()) {
    const found = agent && search(agent, name)
    if (found) return found
  }
  return undefined
}
