import { isStepCount, ToolLoopAgent, tool } from 'ai'
import type { Contender, Reading } from './scenario.ts'
import { executeTool, expectDone, INSTRUCTIONS, instantModel, QUESTION, toolInput, toolNames } from './scenario.ts'

export function aiSdk(turns: number, reading: Reading): Contender {
  const agent = new ToolLoopAgent({
    model: instantModel(turns, 'stream'),
    instructions: INSTRUCTIONS,
    tools: Object.fromEntries(toolNames.map((name) => [name, tool({ inputSchema: toolInput, execute: executeTool })])),
    stopWhen: isStepCount(turns + 1),
  })
  const generate = async (): Promise<void> => {
    const { text, responseMessages } = await agent.generate({ prompt: QUESTION })
    expectDone('ai', text, 1 + responseMessages.length, turns)
  }
  const stream = async (): Promise<void> => {
    const result = await agent.stream({ prompt: QUESTION })
    await result.consumeStream()
    expectDone('ai', await result.text, 1 + (await result.responseMessages).length, turns)
  }
  return { name: 'ai ToolLoopAgent', run: reading === 'stream' ? stream : generate }
}
