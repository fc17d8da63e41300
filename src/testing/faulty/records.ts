/** Faults of what is recorded. */
import type { Json } from '../../json.ts'
import type { FaultyEngine } from './faulty.ts'
import { faulty } from './faulty.ts'
import type { StepRecord } from '../../step.ts'
import type { MemoryOptions } from '../memory-engine.ts'

/** Does something to each record as it comes back. */
export function changesRecords(change: (record: StepRecord, kind: string) => StepRecord): MemoryOptions {
  return {
    change: ({ places }) => ({
      places: {
        ...places,
        execute: (step, run) => {
          const recorded = places.execute(step, run)
          return { ...recorded, run: async (context) => change(await recorded.run(context), step.kind) }
        },
      },
    }),
  }
}

/** It resolves tags that are the core's, and makes JSON of what comes out: bytes become objects. */
export const decodes: FaultyEngine = faulty('decodes what it stores', ['codec: values'], () =>
  changesRecords(({ output, ...record }, kind) => ({
    ...record,
    ...(output !== undefined && { output: kind === 'tool' ? untag(output) : output }),
  })),
)

function untag(value: Json): Json {
  const text = JSON.stringify(value, (_, inner: Json) =>
    inner !== null && typeof inner === 'object' && '$bytes' in inner ? { 0: 0, 1: 1 } : inner,
  )
  return JSON.parse(text) as Json
}

export const dropsErrors: FaultyEngine = faulty(
  'records no errors',
  ['codec: no JSON', 'errors: terminal and unknown'],
  () => ({
    change: ({ places }, { storage }) => ({
      places: {
        ...places,
        execute: (step, run) => {
          const recorded = places.execute(step, run)
          return {
            ...recorded,
            run: async (context) => {
              const record = await recorded.run(context)
              if (record.error)
                for (const [key, text] of storage.records) if (text.includes('"error"')) storage.records.delete(key)
              return record
            },
          }
        },
      },
    }),
  }),
)

/** It runs the step once more when it failed, whatever the policy and the kind of the error say. */
export const retriesAll: FaultyEngine = faulty(
  'retries by itself',
  ['errors: terminal and unknown', 'errors: retryable'],
  () => ({
    change: ({ places }) => ({
      places: {
        ...places,
        execute: (step, run) =>
          places.execute(
            {
              ...step,
              run: async (context) => {
                const record = await step.run(context)
                return record.error ? step.run(context) : record
              },
            },
            run,
          ),
      },
    }),
  }),
)

/** What failed is told as if it had never been recorded: the message is lost. */
export const blursErrors: FaultyEngine = faulty('makes all errors one', ['errors: model'], () =>
  changesRecords((record, kind) =>
    record.error && kind === 'model'
      ? { ...record, error: { ...record.error, code: 'TOOL_FAILED', message: `failed at ${Math.random()}` } }
      : record,
  ),
)
