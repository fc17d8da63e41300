/** An agent with one tool, which it calls in each of its turns. */
import type { ToolContext } from 'holdfast'
import { Agent, tool } from 'holdfast'
import { call, scriptedModel, text } from 'holdfast/testing'

export interface WorkOptions {
  readonly effect?: 'once'
  readonly approval?: true
  readonly turns?: number
}

export function worker(work: (context: ToolContext) => unknown, { turns = 1, ...options }: WorkOptions = {}): Agent {
  return new Agent({
    name: 'worker',
    model: scriptedModel((_, turn) => (turn <= turns ? call('work', {}) : text('done'))),
    tools: [tool({ name: 'work', input: { type: 'object' }, execute: (_, context) => work(context), ...options })],
    limits: { turns: 200 },
  })
}
