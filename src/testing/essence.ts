/** What must be equal of two runs that did the same, whatever the engine and whatever happened on the way. */
import type { HoldfastError } from '../errors.ts'
import { wrapError } from '../errors.ts'
import type { Json } from '../json.ts'
import type { RunResult } from '../run.ts'

/** Transcript, answer, counts and plugins' JSON; of a failed run its error. Plain JSON; the run's id stands as `<run>`. */
export type Essence = Json

export function essenceOf(result: RunResult): Essence {
  const { runId, status, text, output, reason, messages, usage, turns, state } = result
  const essence = { status, text, output, reason, messages, usage, turns, plugins: state.plugins }
  return withoutRunId(JSON.parse(JSON.stringify(essence)) as Json, runId)
}

export function essenceOfError(error: unknown, runId: string): Essence {
  const { code, message }: HoldfastError = wrapError(error, 'HOOK_FAILED')
  return withoutRunId({ failed: { code, message } }, runId)
}

export function withoutRunId<T extends Json>(value: T, runId: string): T {
  const quoted = JSON.stringify(runId).slice(1, -1)
  return JSON.parse(JSON.stringify(value).replaceAll(quoted, '<run>')) as T
}
