/** What the agents of the cases are made of. */
import type { Agent } from '../../agent.ts'
import type { Tool, ToolContext } from '../../definition.ts'
import type { Json, JsonObject } from '../../json.ts'
import { scriptedModel } from '../scripted-model.ts'
import type { ScriptedModel, Script } from '../scripted-model.ts'
import type { Scripted } from '../scripted-reply.ts'
import type { ToolOptions } from '../../tool.ts'
import { tool } from '../../tool.ts'
import type { World } from '../world.ts'

/** An agent, new, whose tools do what they do to that world. */
export type MakeAgent = (world: World) => Agent

export const ANY_OBJECT: { readonly type: 'object' } = { type: 'object' }

type Options = Omit<ToolOptions<typeof ANY_OBJECT>, 'name' | 'input' | 'execute'>

/** A tool that does its effect, under its idempotency key, and then gives what `give` makes of its input. */
export function effectTool(
  world: World,
  name: string,
  give: (input: JsonObject, context: ToolContext) => unknown,
  options: Options = {},
): Tool {
  return tool({
    name,
    input: ANY_OBJECT,
    ...options,
    execute: async (input, context) => {
      const { execution, attempt, idempotencyKey, stepId } = context
      await world.at(`${name} begins`, context.signal)
      await world.effect(idempotencyKey, { tool: name, stepId, execution, attempt })
      await world.at(`${name} did`, context.signal)
      return give(input as JsonObject, context)
    },
  })
}

type Results = { readonly [tool: string]: Json }

/** A model that replies by turn; a reply may be made of the results of the tools so far, by their names. */
export function readingModel(
  replies: readonly (Scripted | ((results: Results) => Scripted))[],
  options: Parameters<typeof scriptedModel>[1] = {},
): ScriptedModel {
  const script: Script = (prompt, turn) => {
    const reply = replies[turn - 1]
    if (!reply) throw new Error(`there is no reply for turn ${turn}`)
    return typeof reply === 'function' ? reply(resultsIn(prompt)) : reply
  }
  return scriptedModel(script, options)
}

function resultsIn(prompt: Parameters<Script>[0]): Results {
  const results: Record<string, Json> = {}
  for (const message of prompt) {
    if (message.role !== 'tool') continue
    for (const part of message.content) {
      if (part.type !== 'tool-result') continue
      const { output } = part
      if ('value' in output) results[part.toolName] = output.value as Json
      else if ('reason' in output) results[part.toolName] = output.reason ?? ''
    }
  }
  return results
}
