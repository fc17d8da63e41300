/** Faults of processes. */
import { executionId } from '../../step.ts'
import type { MemoryStorage } from '../memory-storage.ts'
import type { MemoryEngine } from '../memory-engine.ts'
import type { FaultyEngine } from './faulty.ts'
import { faulty, faultyPlaces } from './faulty.ts'

export const anyOwner: FaultyEngine = faultyPlaces('lets anybody run a run', ['owners'], () => () => ({
  scope: (_, body) => body(),
}))

export const noFence: FaultyEngine = faultyPlaces(
  'takes records of processes that it took for dead',
  ['owners: a process that was taken for dead'],
  () =>
    (_, { storage }) => ({
      execute: (step, run) => ({
        ...step,
        async run(context) {
          const key = `${run.runId}/${executionId(step)}`
          const known = storage.records.get(key)
          if (known !== undefined) return JSON.parse(known) as never
          const record = await step.run(context)
          storage.records.set(key, JSON.stringify(record))
          return record
        },
      }),
    }),
)

/** An engine whose plugins have a dispose(). */
function disposing(
  dispose: (storage: MemoryStorage, times: number) => void,
): (engine: MemoryEngine) => Partial<MemoryEngine> {
  return (engine) => ({
    async start(agent, watch) {
      const plugin = await engine.start(agent, watch)
      let times = 0
      return { ...plugin, dispose: async () => dispose(engine.storage, ++times) }
    },
  })
}

export const disposesAll: FaultyEngine = faulty('forgets all when it is disposed', ['disposal'], () => ({
  changeEngine: disposing((storage) => storage.records.clear()),
}))

export const disposesOnce: FaultyEngine = faulty('can be disposed only once', ['disposal'], () => ({
  changeEngine: disposing((_, times) => {
    if (times > 1) throw new Error('it is disposed already')
  }),
}))

export const disposesOthers: FaultyEngine = faulty(
  'stops other plugins when it is disposed',
  ['disposal: one of two'],
  () => {
    let closed = false
    return {
      change: ({ places }) => ({
        places: {
          ...places,
          execute: (step, run) => {
            if (closed) throw new Error('the storage is closed')
            return places.execute(step, run)
          },
        },
      }),
      changeEngine: (engine: MemoryEngine) => ({
        async start(agent, watch) {
          const plugin = await engine.start(agent, watch)
          closed = false
          const dispose = async (): Promise<void> => {
            closed = true
          }
          return { ...plugin, dispose }
        },
      }),
    }
  },
)

export const shortMemory: FaultyEngine = faultyPlaces(
  'keeps the last hundred records',
  ['a thousand steps'],
  () =>
    (places, { storage }) => ({
      execute: (step, run) => {
        const recorded = places.execute(step, run)
        return {
          ...recorded,
          async run(context) {
            const record = await recorded.run(context)
            const [oldest] = storage.records.keys()
            if (oldest !== undefined && storage.records.size > 100) storage.records.delete(oldest)
            return record
          },
        }
      },
    }),
)
