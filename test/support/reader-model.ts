/** A model that reads the conversation: what it says follows from the turn and from the results that are in it. */
import type { AnyLanguageModel } from 'holdfast'

export interface PlannedToolCall {
  readonly tool: string
  readonly input: unknown
}

type Results = { readonly [tool: string]: unknown }
type Turn = string | readonly PlannedToolCall[] | ((results: Results) => string | readonly PlannedToolCall[])

export function readerModel(turns: readonly Turn[]): AnyLanguageModel {
  return {
    specificationVersion: 'v4',
    provider: 'test',
    modelId: 'reader',
    supportedUrls: {},
    doStream() {
      throw new Error('not used')
    },
    async doGenerate({ prompt }) {
      const turn = prompt.filter(({ role }) => role === 'assistant').length
      const planned = turns[turn]
      const said = typeof planned === 'function' ? planned(resultsIn(prompt)) : (planned ?? 'I have nothing to say.')
      const content =
        typeof said === 'string'
          ? [{ type: 'text' as const, text: said }]
          : said.map(({ tool, input }, index) => ({
              type: 'tool-call' as const,
              toolCallId: `call-${turn}-${index}`,
              toolName: tool,
              input: JSON.stringify(input),
            }))
      return {
        content,
        finishReason: { unified: typeof said === 'string' ? 'stop' : 'tool-calls', raw: undefined },
        usage: {
          inputTokens: { total: prompt.length, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
          outputTokens: { total: 1, text: undefined, reasoning: undefined },
        },
        warnings: [],
      }
    },
    // Only doGenerate: the fake engines have no streams.
    ...({ doStream: undefined } as object),
  }
}

function resultsIn(prompt: readonly { readonly role: string; readonly content: unknown }[]): Results {
  const results: Record<string, unknown> = {}
  for (const { role, content } of prompt) {
    if (role !== 'tool') continue
    for (const part of content as { toolName: string; output: { value?: unknown; reason?: unknown } }[]) {
      results[part.toolName] = part.output.value ?? part.output.reason
    }
  }
  return results
}
