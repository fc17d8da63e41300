/** Faults of order. */
import type { DurablePlaces } from '../../plugin.ts'
import { sleep } from '../life.ts'
import type { MemoryProcess } from '../memory-process.ts'
import type { FaultyEngine } from './faulty.ts'
import { faulty, faultyPlaces } from './faulty.ts'

export const serial: FaultyEngine = faultyPlaces('does one step after the other', ['order: parallel steps'], () => {
  let last: Promise<unknown> = Promise.resolve()
  return (places) => ({
    execute: (step, run) => {
      const recorded = places.execute(step, run)
      return {
        ...recorded,
        run(context) {
          const done = last.then(() => recorded.run(context))
          last = done.catch(() => {})
          return done
        },
      }
    },
  })
})

/** Knows a step by its place in the order of calls, and takes the place before or after a while. */
function positional(places: DurablePlaces, process: MemoryProcess, lateFor: (step: string) => boolean): DurablePlaces {
  const counters = new Map<string, number>()
  return {
    ...places,
    execute: (step, run) => ({
      ...step,
      async run(context) {
        if (lateFor(step.name)) await sleep(5)
        const place = (counters.get(run.runId) ?? 0) + 1
        counters.set(run.runId, place)
        const key = `${run.runId}/#${place}`
        const known = process.storage.records.get(key)
        if (known !== undefined) return JSON.parse(known) as never
        const record = await step.run(context)
        process.storage.records.set(key, JSON.stringify(record))
        return record
      },
    }),
  }
}

export const byArrival: FaultyEngine = faulty(
  'takes the place of a step when it gets round to it',
  ['order: hooks that take random times'],
  () => {
    let lives = 0
    return {
      change({ places }, process) {
        const slow = lives++ % 2 === 0 ? 'left' : 'right'
        return { places: positional(places, process, (name) => name === slow) }
      },
    }
  },
)

export const noScope: FaultyEngine = faultyPlaces(
  'knows steps by their place, without a scope around wrappers',
  ['order: a wrapper around parallel steps'],
  () => (places, process) => positional(places, process, () => false),
)

export const oneExecution: FaultyEngine = faultyPlaces(
  'files all executions of a step under its id',
  ['order: a wrapper around parallel steps', 'middleware'],
  () =>
    (_, { storage }) => ({
      execute: (step, run) => ({
        ...step,
        async run(context) {
          const key = `${run.runId}/${step.id}`
          const known = storage.records.get(key)
          if (known !== undefined) return JSON.parse(known) as never
          const record = await step.run(context)
          storage.records.set(key, JSON.stringify(record))
          return record
        },
      }),
    }),
)

/** Does the work on replay as well, and throws away what comes of it. */
export const worksOnReplay: FaultyEngine = faultyPlaces(
  'does the work on replay, too',
  ['middleware'],
  () => (places) => ({
    execute: (step, run) => {
      const recorded = places.execute(step, run)
      let live = false
      const work: typeof step.run = (context) => {
        live = true
        return step.run(context)
      }
      const watched = places.execute({ ...step, run: work }, run)
      return {
        ...recorded,
        async run(context) {
          const record = await watched.run(context)
          if (!live && step.kind !== 'task') await step.run(context)
          return record
        },
      }
    },
  }),
)

/** Of a step by name nobody but the engine knows whether it is replayed. */
export const neverReplays: FaultyEngine = faulty(
  'never says that it replays',
  ['observers', 'observers: around a crash'],
  () => ({
    dispatch: 'name',
    change: ({ port }) => ({ port: { ...port, isReplaying: () => false } }),
  }),
)
