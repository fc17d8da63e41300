/** A durable agent whose steps are all recorded one after the other: per turn a model call and one tool, about 1 KB each. */
import type { LanguageModelV4 } from '@ai-sdk/provider'
import type { RunResult } from '../../src/index.ts'
import { Agent, tool } from '../../src/index.ts'
import { sqliteDurabilityPlugin } from '../../src/plugins/sqlite/index.ts'

const KILOBYTE = 'x'.repeat(900)

export interface JournalAgentOptions {
  readonly path: string
  readonly turns: number
  /** Before a step's work is done; default: no time at all. */
  readonly pause?: () => Promise<void>
  /** Told of the turn, counted from 0, before the model replies. */
  readonly onModelCall?: (turn: number) => void
}

export function journalAgent({ path, turns, pause, onModelCall }: JournalAgentOptions): Agent {
  const model: Pick<LanguageModelV4, 'doGenerate'> & Partial<LanguageModelV4> = {
    specificationVersion: 'v4',
    provider: 'bench',
    modelId: 'journal',
    supportedUrls: {},
    // The turn is read from the prompt: many runs at once, and runs that are taken up, have the same model.
    doGenerate: async ({ prompt }) => {
      const turn = prompt.filter(({ role }) => role === 'assistant').length
      onModelCall?.(turn)
      await pause?.()
      const input = JSON.stringify({ text: KILOBYTE.slice(300), turn })
      return {
        content:
          turn < turns
            ? [{ type: 'tool-call', toolCallId: `call-${turn}`, toolName: 'work', input }]
            : [{ type: 'text', text: 'done' }],
        finishReason: { unified: turn < turns ? 'tool-calls' : 'stop', raw: undefined },
        usage: {
          inputTokens: { total: 10, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
          outputTokens: { total: 5, text: undefined, reasoning: undefined },
        },
        warnings: [],
      }
    },
  }
  const work = tool({
    name: 'work',
    input: { type: 'object', properties: { text: { type: 'string' }, turn: { type: 'integer' } } },
    execute: async () => {
      await pause?.()
      return KILOBYTE
    },
  })
  const agent = new Agent({
    name: 'bench',
    model: model as LanguageModelV4,
    tools: [work],
    limits: { turns: turns + 1 },
  })
  return agent.use(sqliteDurabilityPlugin({ path }))
}

export async function runToEnd(agent: Agent, runId: string, turns: number): Promise<RunResult> {
  const result = await agent.run('go', { runId })
  if (result.status !== 'completed' || result.turns !== turns + 1) {
    throw new Error(`the run ended as ${result.status} after ${result.turns} model calls in place of ${turns + 1}`)
  }
  return result
}

export async function dispose(agent: Agent): Promise<void> {
  for (const plugin of agent.plugins) await plugin.dispose?.()
}
