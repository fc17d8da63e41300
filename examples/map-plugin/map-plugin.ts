import type { AgentPlugin } from 'holdfast'
import { durable, executionId } from 'holdfast'

/** Durable as long as the map is: give it one that outlives the process. */
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
          const record = await step.run(context) // does the work; a failure is a part of the record
          journal.set(key, JSON.stringify(record))
          return record
        },
      }),
    }),
  }
}
