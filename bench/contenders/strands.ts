import type { BaseModelConfig, ModelStreamEvent } from '@strands-agents/sdk'
import { Agent, Model, NullConversationManager, tool } from '@strands-agents/sdk'
import type { Contender } from './scenario.ts'
import { ANSWER, callsOf, executeTool, expectDone, INSTRUCTIONS, QUESTION, toolInput, toolNames } from './scenario.ts'

/** A model of its own kind, which is the fastest way in; it has one way of being read. */
class InstantModel extends Model<BaseModelConfig> {
  readonly #turns: number
  #asked = 0

  constructor(turns: number) {
    super()
    this.#turns = turns
  }

  updateConfig(): void {}

  getConfig(): BaseModelConfig {
    return { modelId: 'instant' }
  }

  async *stream(): AsyncIterable<ModelStreamEvent> {
    const calls = callsOf(this.#asked++ % (this.#turns + 1), this.#turns)
    yield { type: 'modelMessageStartEvent', role: 'assistant' }
    if (calls.length === 0) {
      yield { type: 'modelContentBlockStartEvent' }
      yield { type: 'modelContentBlockDeltaEvent', delta: { type: 'textDelta', text: ANSWER } }
      yield { type: 'modelContentBlockStopEvent' }
    }
    for (const { toolCallId: toolUseId, toolName: name, input } of calls) {
      yield { type: 'modelContentBlockStartEvent', start: { type: 'toolUseStart', name, toolUseId } }
      yield { type: 'modelContentBlockDeltaEvent', delta: { type: 'toolUseInputDelta', input } }
      yield { type: 'modelContentBlockStopEvent' }
    }
    yield { type: 'modelMessageStopEvent', stopReason: calls.length > 0 ? 'toolUse' : 'endTurn' }
    yield { type: 'modelMetadataEvent', usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 } }
  }
}

export function strands(turns: number): Contender {
  const model = new InstantModel(turns)
  const tools = toolNames.map((name) =>
    tool({ name, description: name, inputSchema: toolInput, callback: async (input) => executeTool(input) }),
  )
  const run = async (): Promise<void> => {
    // An agent of it keeps its conversation: a run is a new one. The default would forget all but 40 messages.
    const conversationManager = new NullConversationManager()
    const agent = new Agent({ model, tools, systemPrompt: INSTRUCTIONS, printer: false, conversationManager })
    const result = await agent.invoke(QUESTION)
    expectDone('strands', result.toString().trim(), agent.messages.length, turns)
  }
  return { name: 'strands', run }
}
