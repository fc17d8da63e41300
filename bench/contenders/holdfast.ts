import { Agent, tool } from '../../src/index.ts'
import { HOOKS } from './hooks.ts'
import type { Contender, Reading } from './scenario.ts'
import { executeTool, expectDone, INSTRUCTIONS, instantModel, QUESTION, toolInput, toolNames } from './scenario.ts'

export function holdfast(turns: number, reading: Reading, hooks: boolean): Contender {
  const agent = new Agent({
    name: 'bench',
    model: instantModel(turns, reading),
    instructions: INSTRUCTIONS,
    tools: toolNames.map((name) => tool({ name, input: toolInput, execute: executeTool })),
    limits: { turns: turns + 1 },
  })
  let heard = 0
  if (hooks) for (const name of HOOKS) agent.on(name, async () => void heard++)
  const run = async (): Promise<void> => {
    const { text, messages } = await agent.run(QUESTION)
    expectDone('holdfast', text, messages.length, turns)
  }
  return { name: 'holdfast', run }
}
