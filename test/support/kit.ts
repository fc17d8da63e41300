/** Short ways to write agents in tests. */
import type { AgentOptions, AgentPlugin, Hooks, Json, ToolOptions } from 'holdfast'
import { Agent, tool } from 'holdfast'
import type { ScriptedModel } from '../../src/testing/scripted-model.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import type { Scripted } from '../../src/testing/scripted-reply.ts'

export { scriptedModel } from '../../src/testing/scripted-model.ts'
export {
  attempts,
  call,
  calls,
  file,
  pause,
  reply,
  retryableFailure,
  terminalFailure,
  text,
} from '../../src/testing/scripted-reply.ts'

type AnyTool = ToolOptions<Readonly<Record<string, Json>>>

/** A tool that takes any object, and gives its own name unless it is told otherwise. */
export function toolOf(name: string, options: Partial<AnyTool> = {}) {
  return tool({ name, input: { type: 'object' }, execute: () => name, ...options })
}

/** An agent with a script; its retries do not wait. */
export function agentOf(
  script: readonly Scripted[] | ScriptedModel,
  { use = [], ...options }: Partial<AgentOptions> & { use?: readonly AgentPlugin[] } = {},
): Agent {
  const agent = new Agent({
    name: 'main',
    model: 'calls' in script ? script : scriptedModel(script),
    modelRetry: { maxAttempts: 3, initialInterval: 0 },
    ...options,
  })
  for (const plugin of use) agent.use(plugin)
  return agent
}

export function hooksOf(name: string, hooks: Hooks, more: Partial<AgentPlugin> = {}): AgentPlugin {
  return { name, hooks, ...more }
}

/** What a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  const failed = await promise.then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  if (!failed) throw new Error('it did not reject')
  return failed.error
}

/** A promise to be settled from outside. */
export function deferred<T = void>(): { promise: Promise<T>; resolve(value: T): void; reject(error: unknown): void } {
  return Promise.withResolvers<T>()
}

export const overTheWire = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

export async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of all) items.push(item)
  return items
}
