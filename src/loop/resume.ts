/** Answers to the waits of a state that left the process. */
import { validateAnswer } from '../answer.ts'
import { HoldfastError } from '../errors.ts'
import type { Json } from '../json.ts'
import type { RunState } from '../machine.ts'

export function resumeState(
  state: RunState,
  answers: { readonly [waitId: string]: unknown },
): { readonly state: RunState; readonly kept: { readonly [id: string]: Json } } {
  const kept: { [id: string]: Json } = { ...state.kept }
  for (const [id, answer] of Object.entries(answers)) {
    const wait = state.waits.find((open) => open.id === id)
    if (!wait) {
      const open = state.waits.map((known) => known.id).join(', ')
      throw new HoldfastError({
        code: 'WAIT_NOT_FOUND',
        message: `run '${state.runId}' does not wait for '${id}'. Open waits: ${open || 'none'}.`,
        details: { waitId: id },
      })
    }
    kept[id] = { of: wait.input.of, output: { answer: validateAnswer(wait.input, answer) } }
  }
  return { state, kept }
}
