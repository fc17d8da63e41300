/** A run's result, from the machine's state. */
import type { RunState } from './machine.ts'
import { textOf } from './message.ts'
import type { RunResult } from './run.ts'
import type { ResultStatus } from './run-info.ts'

export function resultOf(state: RunState): RunResult {
  const { runId, status, messages, usage, turn, waits, output, reason } = state
  return {
    runId,
    status: status as ResultStatus,
    text: textOf(messages.findLast(({ role }) => role === 'assistant')),
    ...(output !== undefined && { output }),
    messages,
    usage,
    turns: turn,
    waits,
    ...(reason !== undefined && { reason }),
    state,
  }
}
