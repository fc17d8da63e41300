/** A durable agent whose steps are all recorded one after the other: per turn a model call and one tool, about 1 KB each. */
import type { LanguageModelV4, LanguageModelV4Content, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import type { RunResult } from '../../src/index.ts'
import { Agent, tool } from '../../src/index.ts'
import { sqliteDurabilityPlugin } from '../../src/plugins/sqlite/index.ts'

const KILOBYTE = 'x'.repeat(900)

export interface JournalAgentOptions {
  readonly path: string
  readonly turns: number
  /** Before a step's work is done; default: no time at all. */
  readonly pause?: () => Promise<void>
  /** The model says its reply in ten pieces, each in a turn of the event loop of its own, as they come from a network. */
  readonly streamed?: boolean
  /** Told of the turn, counted from 0, before the model replies. */
  readonly onModelCall?: (turn: number) => void
}

export function journalAgent({ path, turns, pause, streamed, onModelCall }: JournalAgentOptions): Agent {
  const whole: Omit<LanguageModelV4, 'doStream'> = {
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
  const doStream: LanguageModelV4['doStream'] = async (options) => ({
    stream: streamOf(await whole.doGenerate(options)),
  })
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
    // Where a model has both, it is streamed.
    model: { ...whole, ...(streamed && { doStream }) } as LanguageModelV4,
    tools: [work],
    limits: { turns: turns + 1 },
  })
  return agent.use(sqliteDurabilityPlugin({ path }))
}

function streamOf(
  generated: Awaited<ReturnType<LanguageModelV4['doGenerate']>>,
): ReadableStream<LanguageModelV4StreamPart> {
  const { content, finishReason, usage } = generated
  const parts = [...content.flatMap(piecesOf), { type: 'finish', finishReason, usage } as const]
  let at = 0
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setImmediate(resolve))
      const part = parts[at++]
      if (part) controller.enqueue(part)
      else controller.close()
    },
  })
}

function piecesOf(part: LanguageModelV4Content): LanguageModelV4StreamPart[] {
  if (part.type === 'text') {
    const { text: delta } = part
    return [
      { type: 'text-start', id: '0' },
      { type: 'text-delta', id: '0', delta },
      { type: 'text-end', id: '0' },
    ]
  }
  if (part.type !== 'tool-call') return []
  const { toolCallId: id, toolName, input } = part
  const length = Math.ceil(input.length / 10)
  const deltas = Array.from({ length: 10 }, (_, i) => input.slice(i * length, (i + 1) * length))
  return [
    { type: 'tool-input-start', id, toolName },
    ...deltas.map((delta): LanguageModelV4StreamPart => ({ type: 'tool-input-delta', id, delta })),
    { type: 'tool-input-end', id },
    part,
  ]
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
