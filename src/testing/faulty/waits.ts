/** Faults of waits, timers and cancels. */
import { HoldfastError } from '../../errors.ts'
import type { WaitInput, WaitOutput } from '../../step-kinds.ts'
import type { MemoryEngine } from '../memory-engine.ts'
import { sleep } from '../life.ts'
import type { FaultyEngine } from './faulty.ts'
import { faulty, faultyPlaces } from './faulty.ts'

function suspended(id: string): HoldfastError {
  return new HoldfastError({ code: 'SUSPENDED', kind: 'suspended', message: `the run waits for ${id}` })
}

export const oneWait: FaultyEngine = faultyPlaces(
  'opens one wait at a time',
  ['waits: together', 'waits: blocking'],
  () =>
    (places, { storage }) => ({
      wait: (step, run) => ({
        ...step,
        async run() {
          const open = [...storage.waits].find(([key, row]) => key.startsWith(run.runId) && row.output === undefined)
          if (open && open[0] !== `${run.runId}/${step.id}`) throw suspended(step.id)
          return places.wait?.(step, run).run() as never
        },
      }),
    }),
)

/** Takes whatever comes, also twice, also for what nobody asked. */
export const anyAnswer: FaultyEngine = faulty(
  'takes any answer',
  ['waits: answers', 'waits: interrupt', 'waits: at the same time'],
  () => ({
    changeEngine: ({ storage }: MemoryEngine) => ({
      async respond(runId, waitId, answer) {
        const input = { of: '' } as WaitInput
        const row = storage.waits.get(`${runId}/${waitId}`) ?? { input, deadline: Number.POSITIVE_INFINITY }
        storage.waits.set(`${runId}/${waitId}`, { ...row, output: JSON.stringify({ answer }) })
      },
    }),
  }),
)

export const lastAnswerWins: FaultyEngine = faulty(
  'looks whether there is an answer, and writes one later',
  ['waits: at the same time'],
  () => ({
    changeEngine: (engine: MemoryEngine) => ({
      async respond(runId, waitId, answer) {
        const row = engine.storage.waits.get(`${runId}/${waitId}`)
        if (!row || row.output !== undefined) return engine.respond?.(runId, waitId, answer)
        await sleep(1)
        row.output = JSON.stringify({ answer })
        return undefined
      },
    }),
  }),
)

export const waitsInMemory: FaultyEngine = faultyPlaces(
  'has its waits in the process alone',
  ['waits: after a crash', 'waits: timeout'],
  () =>
    (places, { storage }) => {
      storage.waits.clear()
      return places
    },
)

export const noTimeout: FaultyEngine = faultyPlaces('never ends a wait', ['waits: timeout'], () => (places) => ({
  wait: (step, run) => places.wait?.({ ...step, policy: { effect: 'repeatable' } }, run) ?? step,
}))

export const unbound: FaultyEngine = faultyPlaces(
  'gives an answer to whatever is asked under its id',
  ['waits: bound to the input'],
  () =>
    (places, { storage }) => ({
      wait: (step, run) => {
        const known = storage.waits.get(`${run.runId}/${step.id}`)
        return places.wait?.(known ? { ...step, input: known.input } : step, run) ?? step
      },
    }),
)

export const neverBlocks: FaultyEngine = faultyPlaces('never blocks', ['waits: blocking'], () => (places) => ({
  wait: (step, run) => places.wait?.(step, { ...run, onWait: 'return' }) ?? step,
}))

/** Hands an answer out once, and forgets the wait. */
export const consumes: FaultyEngine = faultyPlaces(
  'consumes answers',
  ['waits: the whole way', 'waits: together', 'crash everywhere: approvals'],
  () =>
    (places, { storage }) => ({
      wait: (step, run) => ({
        ...step,
        async run(): Promise<WaitOutput> {
          const output = (await places.wait?.(step, run).run()) as WaitOutput
          storage.waits.delete(`${run.runId}/${step.id}`)
          return output
        },
      }),
    }),
)

export const noSleep: FaultyEngine = faultyPlaces('does not sleep', ['timers: sleep'], () => (places) => ({
  wait: (step, run) =>
    step.input.type === 'timer'
      ? { ...step, run: async () => ({ timedOut: true }) }
      : (places.wait?.(step, run) ?? step),
}))

export const sleepsAnew: FaultyEngine = faultyPlaces(
  'begins a timer anew in each process',
  ['timers: sleep', 'timers: crash'],
  () => (places) => ({
    wait: (step, run) => {
      const { input } = step
      if (input.type !== 'timer') return places.wait?.(step, run) ?? step
      return {
        ...step,
        async run() {
          run.opened(step.id)
          await sleep(input.duration)
          return { timedOut: true }
        },
      }
    },
  }),
)

export const notesCancels: FaultyEngine = faulty('only notes a cancel', ['cancel: while a tool runs'], () => ({
  changeEngine: () => ({ cancel: async () => {} }),
}))

export const forgetsCancels: FaultyEngine = faulty(
  'tells a cancel to whoever runs, and forgets it',
  ['cancel: while nobody runs it'],
  () => {
    const live = new Map<string, (reason?: string) => void>()
    return {
      change: ({ places }) => ({
        places: {
          ...places,
          scope: (step, body, run) => {
            if (step.id === 'run') live.set(run.runId, run.cancel)
            return places.scope?.(step, body, run) ?? body()
          },
        },
      }),
      changeEngine: () => ({ cancel: async (runId, reason) => live.get(runId)?.(reason) }),
    }
  },
)

/** Looks for an answer, and for nothing else. */
export const deafWaits: FaultyEngine = faultyPlaces(
  'hears no cancel while it waits',
  ['cancel: while it waits'],
  () => (places) => ({
    wait: (step, run) => places.wait?.(step, { ...run, signal: new AbortController().signal }) ?? step,
  }),
)
