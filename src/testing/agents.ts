/**
 * The agents that the conformance cases run. Each is made by its name, in any process; what it does goes through the world
 * that it is given, and what its models say follows from the conversation alone.
 */
import type { Agent } from '../agent.ts'
import type { BasicAgent } from './agents/basic.ts'
import { BASIC_AGENTS } from './agents/basic.ts'
import type { FailingAgent } from './agents/failing.ts'
import { FAILING_AGENTS } from './agents/failing.ts'
import type { LongAgent } from './agents/long.ts'
import { LONG_AGENTS } from './agents/long.ts'
import type { MakeAgent } from './agents/parts.ts'
import type { WaitingAgent } from './agents/waiting.ts'
import { WAITING_AGENTS } from './agents/waiting.ts'
import type { World } from './world.ts'

export type ConformanceAgentName = BasicAgent | FailingAgent | LongAgent | WaitingAgent

const AGENTS: { readonly [name in ConformanceAgentName]: MakeAgent } = {
  ...BASIC_AGENTS,
  ...FAILING_AGENTS,
  ...LONG_AGENTS,
  ...WAITING_AGENTS,
}

/** One of them, new. */
export function conformanceAgent(name: ConformanceAgentName, world: World): Agent {
  return AGENTS[name](world)
}

/** All of them: for a worker that is started before it is known which of them will run. */
export function conformanceAgents(world: World): Agent[] {
  return Object.values(AGENTS).map((make) => make(world))
}
