/** Faults of recording. */
import { executionId, fingerprint } from '../../step.ts'
import type { FaultyEngine } from './faulty.ts'
import { faulty } from './faulty.ts'

export const forgetful: FaultyEngine = faulty(
  'records nothing',
  ['replay: a finished run', 'replay: after a crash'],
  () => ({
    change: ({ places }) => ({ places: { ...places, execute: (step) => step } }),
  }),
)

export const forgetsTheLast: FaultyEngine = faulty(
  'writes late',
  ['replay: after a crash', 'crash everywhere: pair', 'crash everywhere: parent'],
  () => ({
    // It answers before the record is in its place, as a write that nobody waits for does.
    change: ({ places }, { storage }) => ({
      places: {
        ...places,
        execute: (step, run) => ({
          ...step,
          async run(context) {
            const key = `${run.runId}/${executionId(step)}`
            const known = storage.records.get(key)
            if (known !== undefined) return JSON.parse(known)
            const record = await step.run(context)
            setTimeout(() => storage.records.set(key, JSON.stringify(record)), 2_000)
            return record
          },
        }),
      },
    }),
  }),
)

/** It takes a step that was begun for one that is done. */
export const loses: FaultyEngine = faulty('never runs a step twice', ['replay: a step that was running'], () => {
  const begun = new Set<string>()
  return {
    change: ({ places }) => ({
      places: {
        ...places,
        execute: (step, run) => {
          const recorded = places.execute(step, run)
          const key = `${run.runId}/${executionId(step)}`
          return {
            ...recorded,
            run: async (context) => {
              if (begun.has(key) && step.name === 'join') return { of: fingerprint(step), output: null }
              begun.add(key)
              return recorded.run(context)
            },
          }
        },
      },
    }),
  }
})

export const mixesRuns: FaultyEngine = faulty('files records under the step alone', ['replay: runs apart'], () => ({
  change: ({ places }) => ({
    places: { ...places, execute: (step, run) => places.execute(step, { ...run, runId: 'all' }) },
  }),
}))

/** It hands out what it has as if it were of the step that is asked for: divergence is never seen. */
export const relabels: FaultyEngine = faulty('relabels records', ['replay: another input', 'divergence'], () => ({
  change: ({ places }) => ({
    places: {
      ...places,
      execute: (step, run) => {
        const recorded = places.execute(step, run)
        return { ...recorded, run: async (context) => ({ ...(await recorded.run(context)), of: fingerprint(step) }) }
      },
      scope: (step, body, run) => (step.id === 'run' ? body() : (places.scope?.(step, body, run) ?? body())),
    },
  }),
}))
