/** Faults of single kinds of steps. */
import type { StreamChunk, StreamSink } from '../../stream.ts'
import { memoryStreams } from '../../memory.ts'
import type { FaultyEngine } from './faulty.ts'
import { faulty, faultyPlaces } from './faulty.ts'

export const flat: FaultyEngine = faultyPlaces(
  'files the steps of sub-agents as if they were of the run',
  ['sub-agents', 'crash everywhere: parent'],
  () => (places) => ({
    execute: (step, run) => places.execute({ ...step, id: step.id.replace(/^.*\/agent\/\d+\/[^/]+\//, '') }, run),
  }),
)

/** The loop leaves it to the engine, and the engine does nothing. */
export const saysOnce: FaultyEngine = faulty(
  'says that it has run-once',
  ['once', 'crash everywhere: booking'],
  () => ({
    change: ({ port }) => ({ port: { ...port, supports: { ...port.supports, once: true } } }),
  }),
)

export const takesLess: FaultyEngine = faulty('takes less than it says', ['records: at the limit'], () => ({
  recordBytes: 100_000,
  change: ({ port }) => ({ port: { ...port, supports: { ...port.supports, recordBytes: 200_000 } } }),
}))

/** Cuts off what is too much: the text is another, and nobody is told. */
export const takesAll: FaultyEngine = faulty('has no limit, and says it had', ['records: over the limit'], () => ({
  change: ({ port }) => ({ port: { ...port, supports: { ...port.supports, recordBytes: 200_000 } } }),
}))

/** A reader keeps what a dead execution said. */
export const keepsText: FaultyEngine = faulty('takes no text back', ['streams', 'crash everywhere: pair'], () => {
  const inner = memoryStreams()
  const sink: StreamSink = {
    ...inner,
    async *read(...from): AsyncGenerator<StreamChunk> {
      for await (const chunk of inner.read(...from)) if (chunk.type !== 'superseded') yield chunk
    },
  }
  return {
    change: ({ port, places }) => ({
      port: { ...port, streams: sink },
      places: {
        ...places,
        async scope(step, body, run) {
          const value = await (places.scope?.(step, body, run) ?? body())
          if (step.id === 'run') await inner.close?.(run.runId)
          return value
        },
      },
    }),
  }
})

/** What a run is, is not recorded. */
export const notPinned: FaultyEngine = faultyPlaces(
  'records no start',
  ['pinned', 'replay: another input'],
  () => (places) => ({
    execute: (step, run) => (step.name === 'holdfast.start' ? step : places.execute(step, run)),
    scope: (step, body, run) => (step.id === 'run' ? body() : (places.scope?.(step, body, run) ?? body())),
  }),
)
