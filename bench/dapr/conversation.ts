/** What is measured: an agent that does nothing but talk and look, and the same as a workflow of bare activities. */
import type { Task, WorkflowContext } from '@dapr/dapr'
import { Agent, tool } from '../../src/index.ts'
import { call, calls, scriptedModel, text } from '../../src/testing/index.ts'

export function words(letters: number): string {
  return 'word '.repeat(letters / 5)
}

/** In each turn the model says `letters` and calls a tool, which gives as many. With `turns` turns it has 2 · turns - 1 steps. */
export function talker(turns: number, letters: number): Agent {
  return new Agent({
    name: `talker-${turns}-${letters}`,
    model: scriptedModel((_, turn) =>
      turn < turns ? calls(text(words(letters)), call('look', { turn })) : text('the end'),
    ),
    tools: [
      tool({
        name: 'look',
        input: { type: 'object' },
        execute: (input) => `${JSON.stringify(input)} ${words(letters)}`,
      }),
    ],
    limits: { turns: turns + 1 },
  })
}

export interface PlainInput {
  readonly steps: number
  readonly letters: number
}

/** The floor: activities one after the other, each of which gives as much as a step of the agent. */
export async function* plain(
  context: WorkflowContext,
  input: PlainInput,
): AsyncGenerator<Task<unknown>, string, unknown> {
  for (let step = 0; step < input.steps; step++)
    yield context.callActivity('plain.step', { step, letters: input.letters })
  return 'the end'
}
