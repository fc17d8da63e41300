/** Does tasks: those that hooks ask of their plugin, and the loop's own, whose names start with `holdfast.`. */
import { HoldfastError, isHoldfastError } from '../errors.ts'
import type { AttemptContext } from './context.ts'
import { conversationOf, middlewareOf, throughMiddleware } from './context.ts'
import type { Opening } from './opening.ts'
import { hasLargeFiles, storeOpening } from './opening.ts'
import { runOwnCode } from './own-code.ts'
import { executionRequest, parseInput, requireTool, toolContext } from './tool.ts'
import type { Json, JsonObject } from '../json.ts'
import { fromJson, toJson } from '../json.ts'
import type { TaskContext } from '../plugin.ts'
import type { ModelInput } from '../step-kinds.ts'

export async function executeTask(attempt: AttemptContext): Promise<Json> {
  const { step } = attempt
  const own = OWN_TASKS[step.name]
  if (own) return own(attempt, step.input as JsonObject)
  const layers = middlewareOf(attempt.definition, 'task')
  const request = { ...executionRequest(attempt), name: step.name, input: step.input as Json }
  return throughMiddleware(layers, request, async ({ input }) => {
    const handler = findHandler(attempt)
    const output = await runOwnCode('TASK_FAILED', () => handler(fromJson(input), executionRequest(attempt)))
    return toJson(output ?? null, `step ${step.id}: output`)
  })
}

function findHandler({ definition, step }: AttemptContext): (input: unknown, context: TaskContext) => unknown {
  for (const { name, tasks } of definition.plugins) {
    if (!tasks || !step.name.startsWith(`${name}.`)) continue
    const handler = tasks[step.name.slice(name.length + 1)]
    if (handler) return handler
  }
  throw new HoldfastError({
    code: 'TASK_UNKNOWN',
    kind: 'retryable',
    message: `agent '${definition.spec.name}' here has no plugin with the task '${step.name}'. Add it, on the worker too.`,
    details: { task: step.name },
  })
}

type OwnTask = (attempt: AttemptContext, input: JsonObject) => Promise<Json> | Json

const OWN_TASKS: { readonly [name: string]: OwnTask } = {
  /** Pins what the run is: the spec as it is now. A resumed run is given what was recorded. */
  'holdfast.start': async ({ spec, payloads }, what) => {
    const opening = what as unknown as Opening
    if (!payloads || !hasLargeFiles(opening)) return { spec } as unknown as Json
    try {
      return { spec, ...(await storeOpening(opening, payloads)) } as unknown as Json
    } catch (error) {
      if (isHoldfastError(error)) throw error
      throw new HoldfastError({
        code: 'TASK_FAILED',
        kind: 'retryable',
        message: `payload store: ${String(error)}`,
        cause: error,
      })
    }
  },

  /** The mark of a `once` step: recorded before its body starts. */
  'holdfast.started': () => null,

  'holdfast.approval': async (attempt, { tool, input }) => {
    const known = requireTool(attempt, String(tool))
    const parsed = await parseInput(known, input ?? null)
    const { runId, context = null } = attempt
    return (await runOwnCode('TASK_FAILED', () => known.approval?.(parsed, { runId, context }))) !== false
  },

  'holdfast.reconcile': async (attempt, { tool, input, stepId, idempotencyKey }) => {
    const known = requireTool(attempt, String(tool))
    const context = { ...toolContext(attempt), stepId: String(stepId), idempotencyKey: String(idempotencyKey) }
    const parsed = await parseInput(known, input ?? null)
    const result = await runOwnCode('TASK_FAILED', () => known.reconcile?.(parsed, context))
    // As with a tool that returns nothing.
    const found = result?.status === 'done' ? { ...result, output: result.output ?? null } : result
    return toJson(found ?? { status: 'unknown' }, `reconcile of tool '${known.name}'`)
  },

  'holdfast.compact': async (attempt, { base, append }) => {
    const { compactWith } = attempt.definition
    if (!compactWith) {
      throw new HoldfastError({
        code: 'TASK_UNKNOWN',
        kind: 'retryable',
        message: `agent '${attempt.definition.spec.name}' here has no compact.with, but a run of it does. Give it one.`,
      })
    }
    const all = await conversationOf(attempt, { base, append } as unknown as Pick<ModelInput, 'base' | 'append'>)
    const messages = await runOwnCode('TASK_FAILED', () => compactWith([...all], executionRequest(attempt)))
    return toJson(messages, `step ${attempt.step.id}: compacted messages`)
  },
}
