/** The agent of the tests with processes: what its tools do goes into a file, and some of them wait to be killed. */
import { appendFileSync } from 'node:fs'
import type { AgentPlugin, Json } from 'holdfast'
import { Agent, tool } from 'holdfast'
import { sqliteDurabilityPlugin } from '../../../src/plugins/sqlite/index.ts'
import { call, calls, scriptedModel, text } from '../../support/kit.ts'

export interface TestAgentOptions {
  readonly path: string
  /** Each real execution of a tool adds a line to it. */
  readonly effects: string
  /** `hang <tool>`: that tool says so and never ends. `die <tool>`: it kills its process. `ask`, `ask look`: book, or look, wants an approval. */
  readonly mode?: string
  readonly say?: (type: string, value?: Json) => Promise<void>
  readonly told?: () => Promise<Json>
  readonly durability?: 'power' | 'process'
  readonly use?: readonly AgentPlugin[]
}

export function createAgent({
  path,
  effects,
  mode = '',
  say = async () => {},
  durability = 'power',
  use = [],
}: TestAgentOptions): Agent {
  const did = async (name: string, signal: AbortSignal): Promise<void> => {
    appendFileSync(effects, `${name}\n`)
    if (mode === `die ${name}`) process.kill(process.pid, 'SIGKILL')
    if (mode !== `hang ${name}`) return
    await say('hanging', name)
    await new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
  const toolOf = (name: string, more: { effect?: 'once'; approval?: boolean } = {}) =>
    tool({
      name,
      input: { type: 'object' },
      ...more,
      execute: async (_, { signal }) => {
        await did(name, signal)
        return `${name} done`
      },
    })
  const agent = new Agent({
    name: 'main',
    model: scriptedModel([
      calls(call('search', { q: 1 }), call('look', { q: 2 })),
      call('book', {}),
      text('It is booked.'),
    ]),
    tools: [
      toolOf('search'),
      toolOf('look', { approval: mode === 'ask look' }),
      toolOf('book', { effect: 'once', approval: mode === 'ask' }),
    ],
  })
  agent.use(sqliteDurabilityPlugin({ path, durability }))
  for (const plugin of use) agent.use(plugin)
  return agent
}
