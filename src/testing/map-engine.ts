/** The smallest honest durability plugin: an engine that is a Map. It claims nothing more than to record steps. */
import type { AgentPlugin } from '../plugin.ts'
import { durable } from '../plugin.ts'
import { executionId } from '../step.ts'

/** @param journal outlives the process, if it is to be of use: what is recorded in it is not done again */
export function mapDurabilityPlugin(journal: Map<string, string>): AgentPlugin {
  return {
    name: 'map',
    durability: { engine: 'map', dispatch: 'closure', supports: {} },
    hooks: durable({
      execute: (step, { runId }) => ({
        ...step,
        async run(context) {
          const key = `${runId}/${executionId(step)}`
          const known = journal.get(key)
          if (known !== undefined) return JSON.parse(known)
          const record = await step.run(context)
          journal.set(key, JSON.stringify(record))
          return record
        },
      }),
    }),
  }
}
