/** Runs a tool: its input is parsed once more, since a hook or a person may have changed it. */
import type { AgentDefinition, Tool, ToolContext } from '../definition.ts'
import { HoldfastError, isHoldfastError } from '../errors.ts'
import type { AttemptContext } from './context.ts'
import { middlewareOf, throughMiddleware } from './context.ts'
import { runOwnCode } from './own-code.ts'
import type { Json } from '../json.ts'
import { toJson } from '../json.ts'
import type { ExecutionRequest, ToolRequest } from '../plugin.ts'
import { isPromise } from '../promise.ts'
import type { Validation } from '../schema.ts'
import { validateWith } from '../schema.ts'

export function executeTool(attempt: AttemptContext): Promise<Json> {
  const { definition, step } = attempt
  const { known, execute } = requireExecutable(definition, step.name)
  const run = async (input: Json): Promise<Json> => {
    const given = parseInput(known, input)
    const parsed = isPromise(given) ? await given : given
    try {
      const output = await runOwnCode('TOOL_FAILED', () => execute(parsed, toolContext(attempt)))
      return toJson(output ?? null, `step ${step.id}: the tool ran, but in its output`)
    } catch (error) {
      throw toolFailure(attempt, error)
    }
  }
  const input = step.input as Json
  const layers = middlewareOf(definition, 'tool')
  if (layers.length === 0) return run(input)
  const request: ToolRequest = { ...executionRequest(attempt), name: step.name, input }
  return throughMiddleware(layers, request, (now) => run(now.input))
}

/**
 * The tool of that name, with what runs it.
 * @throws `TOOL_UNKNOWN`, retryable: another worker may have it
 */
export function requireExecutable(
  definition: AgentDefinition,
  name: string,
): { readonly known: Tool; readonly execute: NonNullable<Tool['execute']> } {
  const known = requireTool({ definition }, name)
  const { execute } = known
  if (execute) return { known, execute }
  throw new HoldfastError({
    code: 'TOOL_UNKNOWN',
    kind: 'retryable',
    message: `tool '${name}' of agent '${definition.spec.name}' has no execute here. Give it one where its steps are executed.`,
    details: { tool: name },
  })
}

/**
 * The tool of that name.
 * @throws `TOOL_UNKNOWN`, retryable: another worker may have it
 */
export function requireTool({ definition }: Pick<AttemptContext, 'definition'>, name: string): Tool {
  const known = definition.tools.get(name)
  if (known) return known
  throw new HoldfastError({
    code: 'TOOL_UNKNOWN',
    kind: 'retryable',
    message: `agent '${definition.spec.name}' here has no tool '${name}', but a run of it does. Deploy a worker that has it.`,
    details: { tool: name },
  })
}

/**
 * A tool's input, as its schema makes it; a promise where the schema needs time.
 * @throws `TOOL_INPUT_INVALID`
 */
export function parseInput(known: Tool, input: Json): unknown {
  const result = validateWith(known.schema, input)
  return isPromise(result) ? result.then((later) => checked(known, later)) : checked(known, result)
}

function checked(known: Tool, result: Validation): unknown {
  if (result.ok) return result.value
  throw new HoldfastError({
    code: 'TOOL_INPUT_INVALID',
    message: `the input of tool '${known.name}' does not fit its schema: ${result.message}`,
    details: { tool: known.name },
  })
}

export function toolContext(attempt: AttemptContext): ToolContext {
  const { step, publisher } = attempt
  return {
    ...executionRequest(attempt),
    progress: (data) => publisher?.progress(toJson(data, `step ${step.id}: progress`)),
  }
}

/** What requests of every kind have. */
export function executionRequest(attempt: AttemptContext): ExecutionRequest {
  return {
    runId: attempt.runId,
    agent: attempt.definition.spec.name,
    stepId: attempt.step.id,
    execution: attempt.step.execution,
    attempt: attempt.attemptNumber,
    idempotencyKey: attempt.idempotencyKey,
    signal: attempt.attemptScope.signal,
    context: attempt.context ?? null,
  }
}

/** A plain error is worth another attempt where the tool has a retry policy: that is what the policy says. */
function toolFailure({ step }: AttemptContext, error: unknown): unknown {
  if (isHoldfastError(error)) return error
  return new HoldfastError({
    code: 'TOOL_FAILED',
    kind: step.policy.retry ? 'retryable' : 'terminal',
    message: error instanceof Error ? error.message : String(error),
    details: { tool: step.name },
    cause: error,
  })
}
