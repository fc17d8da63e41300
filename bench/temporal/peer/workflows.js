import { temporalProvider } from '@temporalio/ai-sdk/workflow'
import { proxyActivities } from '@temporalio/workflow'
import { generateText, isStepCount, jsonSchema, tool } from 'ai'

const { look } = proxyActivities({ startToCloseTimeout: '1 minute' })

export async function talk({ turns }) {
  const { text } = await generateText({
    model: temporalProvider.languageModel('talker'),
    prompt: 'go',
    stopWhen: isStepCount(turns + 5),
    tools: { look: tool({ inputSchema: jsonSchema({ type: 'object' }), execute: (input) => look(input) }) },
  })
  return text
}
