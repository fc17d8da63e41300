/** An agent that does a thousand steps. */
import { Agent } from '../../agent.ts'
import { call, calls, text } from '../scripted-reply.ts'
import { scriptedModel } from '../scripted-model.ts'
import { tool } from '../../tool.ts'
import type { World } from '../world.ts'
import type { MakeAgent } from './parts.ts'
import { ANY_OBJECT } from './parts.ts'

/** With three tools in each turn a thousand steps are 250 model calls. */
export const LONG_TURNS = 250

function long(world: World): Agent {
  const step = (name: string) =>
    tool({
      name,
      input: ANY_OBJECT,
      execute: async (_, { idempotencyKey }) => {
        await world.effect(idempotencyKey)
        return idempotencyKey.length
      },
    })
  return new Agent({
    name: 'long',
    model: scriptedModel((_, turn) =>
      turn < LONG_TURNS ? calls(call('a', { turn }), call('b', { turn }), call('c', { turn })) : text('the end'),
    ),
    tools: [step('a'), step('b'), step('c')],
    limits: { turns: LONG_TURNS + 1 },
  })
}

export type LongAgent = 'long'

export const LONG_AGENTS: { readonly [name in LongAgent]: MakeAgent } = { long }
