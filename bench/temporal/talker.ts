/** The agent of the scenario, and one that says when its tool starts. */
import type { LanguageModelV4 } from '@ai-sdk/provider'
import type { Agent } from '../../src/index.ts'
import type { Built } from './built.ts'
import { words } from './scenario.ts'

/** Calls the tool until it has its turns; keeps nothing, as what a scripted model keeps would be measured too. */
function modelOf(turns: () => number, said: string): LanguageModelV4 {
  const model: Omit<LanguageModelV4, 'doStream'> = {
    specificationVersion: 'v4',
    provider: 'bench',
    modelId: 'talker',
    supportedUrls: {},
    async doGenerate({ prompt }) {
      const turn = prompt.filter(({ role }) => role === 'assistant').length + 1
      const isLast = turn > turns()
      return {
        content: [
          { type: 'text', text: said },
          ...(isLast
            ? []
            : [
                {
                  type: 'tool-call' as const,
                  toolCallId: `c${turn}`,
                  toolName: 'look',
                  input: JSON.stringify({ turn }),
                },
              ]),
        ],
        finishReason: { unified: isLast ? 'stop' : 'tool-calls', raw: undefined },
        usage: {
          inputTokens: { total: 1, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
          outputTokens: { total: 1, text: undefined, reasoning: undefined },
        },
        warnings: [],
      }
    },
  }
  return model as LanguageModelV4
}

export function talker({ Agent, tool }: Built['holdfast'], turns: () => number): Agent {
  return new Agent({
    name: 'talker',
    limits: { turns: 10_000 },
    model: modelOf(turns, words(2_000)),
    tools: [
      tool({ name: 'look', input: { type: 'object' }, execute: (input) => `${JSON.stringify(input)} ${words(2_000)}` }),
    ],
  })
}

/** Its tool works for longer than a worker lives that is killed at once. */
export function dying({ Agent, tool }: Built['holdfast'], started: (attempt: number) => void): Agent {
  return new Agent({
    name: 'dying',
    model: modelOf(() => 1, 'I look.'),
    tools: [
      tool({
        name: 'look',
        input: { type: 'object' },
        async execute(_, { attempt }) {
          started(attempt)
          if (attempt === 1) await new Promise((resolve) => setTimeout(resolve, 60_000))
          return 'seen'
        },
      }),
    ],
  })
}
