/** The smallest honest durability plugin: a `Map` is its journal, another has the answers. It crashes with the process. */
import { type AgentPlugin, durable, executionId, HoldfastError, type Json } from 'holdfast'

/** @param answers by run id and wait id, `trip-42 2/tool/0/book/approval`; set one and run the agent again to go on */
export function mapDurabilityPlugin(journal: Map<string, string>, answers: Map<string, Json> = new Map()): AgentPlugin {
  return {
    name: 'map',
    durability: { engine: 'map', dispatch: 'closure', supports: { waits: true } },
    hooks: durable({
      execute: (step, { runId }) => ({
        ...step,
        async run(context) {
          const key = `${runId} ${executionId(step)}`
          const known = journal.get(key)
          if (known !== undefined) return JSON.parse(known)
          const record = await step.run(context)
          journal.set(key, JSON.stringify(record))
          return record
        },
      }),
      wait: (step, { runId }) => ({
        ...step,
        async run() {
          const answer = answers.get(`${runId} ${step.id}`)
          if (answer !== undefined) return { answer }
          throw new HoldfastError({ code: 'SUSPENDED', kind: 'suspended', message: `the run waits for ${step.id}` })
        },
      }),
    }),
  }
}
