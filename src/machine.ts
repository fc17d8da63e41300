/**
 * The machine: an agent run as a pure function over plain JSON. `(state, outcome) -> state`, and what comes next. No
 * clock, no randomness, no I/O; it knows nobody. From its state alone a run goes on, in another process, on another engine.
 */
import type { Json } from './json.ts'
import type { ToolsPhase, RunState } from './machine/state.ts'
import { advanceBase, emptyBase } from './machine/state.ts'
import type { ApprovalResponsePart, Message, ToolResultOutput, ToolResultPart, Usage, UserMessage } from './message.ts'
import { addUsage } from './message.ts'
import type { ModelOutput } from './step-kinds.ts'

export type { PlannedApproval, PlannedCall } from './machine/next.ts'
export { nextOf } from './machine/next.ts'
export type { RunState } from './machine/state.ts'
export { beginningOf, startRun } from './machine/state.ts'

/** The model replied. */
export function afterModel(state: RunState, output: ModelOutput): RunState {
  const turn = state.turn + 1
  const messages = [...state.messages, output.message]
  const asked = output.message.content.filter((part) => part.type === 'approval-request')
  const next: RunState = {
    ...state,
    turn,
    messages,
    base: advanceBase(state),
    usage: addUsage(state.usage, output.usage),
    inputTokens: output.usage.inputTokens ?? 0,
  }
  if (output.calls.length > 0 || asked.length > 0) {
    return { ...next, phase: { type: 'tools', calls: output.calls, asked } }
  }
  if (state.spec.output && output.output === undefined) {
    return checkLimits({ ...next, messages: [...messages, mendOutput(output.outputInvalid)] })
  }
  return {
    ...next,
    status: 'completed',
    phase: { type: 'end' },
    ...(output.output !== undefined && { output: output.output }),
  }
}

/** The batch of tool calls settled: a result for each call, an answer for each request of the provider. */
export function afterTools(
  state: RunState,
  results: readonly ToolResultOutput[],
  answers: readonly { readonly approved: boolean; readonly reason?: string }[] = [],
): RunState {
  return checkLimits({
    ...state,
    messages: [...state.messages, toolMessage(state.phase as ToolsPhase, results, answers)],
    phase: { type: 'model' },
  })
}

/** The conversation was compacted: a new base begins. */
export function afterCompact(state: RunState, messages: readonly Message[]): RunState {
  const compactions = state.compactions + 1
  const base = emptyBase(state.spec, compactions)
  return { ...state, messages, base, compactions, compacting: false, inputTokens: 0 }
}

/** A hook answered the run as a whole: before anything was asked, or in place of a failure. */
export function afterSettled(state: RunState, output: Json): RunState {
  const text = typeof output === 'string' ? output : JSON.stringify(output)
  return {
    ...state,
    status: 'completed',
    messages: [...closeCalls(state, 'The run failed before this call had a known outcome.'), assistantMessage(text)],
    phase: { type: 'end' },
    ...(state.spec.output && { output }),
  }
}

/** The run was cancelled. Calls and requests without an answer get one, so that the conversation stays one that a model accepts. */
export function afterCancel(
  state: RunState,
  reason: string | undefined,
  known: readonly (ToolResultOutput | undefined)[] = [],
): RunState {
  return {
    ...state,
    status: 'cancelled',
    ...(reason !== undefined && { reason }),
    messages: closeCalls(state, 'The run was cancelled before this call had a known outcome.', known),
    phase: { type: 'end' },
  }
}

/** The tokens that a sub-agent used count for the run, too. */
export function addTokens(state: RunState, usage: Usage): RunState {
  return { ...state, usage: addUsage(state.usage, usage) }
}

function checkLimits(state: RunState): RunState {
  const { turns, tokens } = state.spec.limits
  const used = state.usage.totalTokens ?? (state.usage.inputTokens ?? 0) + (state.usage.outputTokens ?? 0)
  const reason = !(state.turn < turns)
    ? `the limit of ${turns} model calls is reached`
    : tokens !== undefined && !(used < tokens)
      ? `the limit of ${tokens} tokens is reached`
      : undefined
  if (reason === undefined) return { ...state, phase: { type: 'model' } }
  return { ...state, status: 'limit', reason, phase: { type: 'end' } }
}

function toolMessage(
  { calls, asked }: ToolsPhase,
  results: readonly ToolResultOutput[],
  answers: readonly { readonly approved: boolean; readonly reason?: string }[],
): Message {
  const parts: ToolResultPart[] = calls.map((call, index) => ({
    type: 'tool-result',
    toolCallId: call.toolCallId,
    toolName: call.toolName,
    output: results[index] ?? { type: 'error-text', value: 'No result.' },
  }))
  const responses: ApprovalResponsePart[] = asked.map(({ approvalId }, index) => ({
    type: 'approval-response',
    approvalId,
    approved: answers[index]?.approved ?? false,
    ...(answers[index]?.reason !== undefined && { reason: answers[index].reason }),
  }))
  return { role: 'tool', content: [...parts, ...responses] }
}

/** The conversation with an answer to each call that has none, so that a model accepts it. */
function closeCalls(
  state: RunState,
  value: string,
  known: readonly (ToolResultOutput | undefined)[] = [],
): readonly Message[] {
  const { phase, messages } = state
  if (phase.type !== 'tools') return messages
  const results = phase.calls.map((_, index): ToolResultOutput => known[index] ?? { type: 'error-text', value })
  return [...messages, toolMessage(phase, results, [])]
}

function assistantMessage(text: string): Message {
  return { role: 'assistant', content: [{ type: 'text', text }] }
}

function mendOutput(problem: string | undefined): UserMessage {
  const text = `Your reply is not the JSON that was asked for: ${problem ?? 'no JSON'}. Reply with the corrected JSON alone.`
  return { role: 'user', content: [{ type: 'text', text }] }
}
