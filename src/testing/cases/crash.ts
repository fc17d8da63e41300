/** Clause: a crash changes nothing, wherever it comes. */
import type { Supports } from '../../plugin.ts'
import type { ConformanceAgentName } from '../agents.ts'
import { conformanceAgent } from '../agents.ts'
import { crashEverywhere } from '../crash-everywhere.ts'
import type { EngineUnderTest, TestAgent } from '../engine.ts'
import { BrokenPromise } from '../expect.ts'
import type { World } from '../world.ts'
import type { CaseDefinition } from './case.ts'

export const crash: readonly CaseDefinition[] = [
  crashAnywhere('pair', []),
  crashAnywhere('parent', []),
  crashAnywhere('booking', ['waits']),
  crashAnywhere('approvals', ['waits']),
]

/** Each boundary of each step of an agent. */
function crashAnywhere(name: ConformanceAgentName, requires: readonly (keyof Supports)[]): CaseDefinition {
  return {
    name: `crash everywhere: ${name}`,
    clause: `A crash at any boundary of any step of agent '${name}' changes nothing of what comes out.`,
    requires,
    inProcess: true,
    async run({ engine }) {
      // The bench disposes the engine.
      const lasting = { ...methodsOf(engine), dispose: async () => {} }
      const agent = (world: World): TestAgent => conformanceAgent(name, world)
      const report = await crashEverywhere({ agent, input: 'go', engine: lasting })
      if (!report.ok) throw new BrokenPromise(String(report))
    },
  }
}

function methodsOf(engine: EngineUnderTest): EngineUnderTest {
  return {
    start: (agent, watch) => engine.start(agent, watch),
    ...(engine.kill && { kill: (plugin) => engine.kill?.(plugin) }),
    ...(engine.respond && { respond: async (...given) => engine.respond?.(...given) }),
    ...(engine.run && { run: engine.run.bind(engine) }),
  }
}
