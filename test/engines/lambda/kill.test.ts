/** SIGKILL of the handler before and after each checkpoint of the contract agent: the run ends as it would have. */
import type { RunResult } from 'holdfast'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CheckpointUpdate } from '../../../examples/lambda/local/service.ts'
import { createContractAgent } from '../../support/contract-agent.ts'
import type { TestFunction } from './support/world.ts'
import { answerAll, effectsOf, LambdaWorld } from './support/world.ts'

const BOOKING = '2/tool/0/bookFlight'
const APPROVAL = `${BOOKING}/approval`
const UNKNOWN = `${BOOKING}/unknown`
const INPUT = 'Fly me to Tokyo'
/** Runs at once: there may be two cores. */
const LANES = 3

let world: LambdaWorld
let expected: Trial

beforeAll(async () => {
  world = await LambdaWorld.start()
  expected = await trial(undefined, 'before')
})

afterAll(() => world.stop())

interface Trial {
  readonly result: RunResult
  readonly asked: readonly string[]
  readonly effects: readonly string[]
  readonly checkpoints: readonly (readonly CheckpointUpdate[])[]
  /** How often the tools had run whose records had arrived when the process died. */
  readonly finished: { readonly [line: string]: number }
  readonly starts: number
}

function count(lines: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const line of lines) counts[line] = (counts[line] ?? 0) + 1
  return counts
}

/** One run, whose process dies at the checkpoint with that number, or at none. */
async function trial(dies: number | undefined, when: 'before' | 'after'): Promise<Trial> {
  const lambda = world.function('contract-child.ts')
  const checkpoints: (readonly CheckpointUpdate[])[] = []
  const recorded = new Set<string>()
  let finished: Record<string, number> = {}
  const die = async (): Promise<void> => {
    await lambda.process.kill()
    finished = count(effectsOf(lambda).filter((line) => recorded.has(executionOf(line))))
  }
  listeners.set(lambda.name, async (at, updates) => {
    if (at === 'before') {
      checkpoints.push(updates)
      if (checkpoints.length - 1 !== dies || when !== 'before') return undefined
      await die()
      return 'lost'
    }
    for (const { Action, Name } of updates) if (Action === 'SUCCEED' && Name) recorded.add(Name)
    if (checkpoints.length - 1 === dies && when === 'after') await die()
    return undefined
  })
  world.service.onCheckpoint = (at, name, updates) => listeners.get(name)?.(at, updates)
  const run = await lambda.runs.start(createContractAgent(lambda), INPUT, { runId: 'trip-42' })
  const asked = await answerAll(run, { [APPROVAL]: { approved: true }, [UNKNOWN]: () => whatBecameOfIt(lambda) })
  const result = await run.result()
  await lambda.process.stop()
  return { result, asked, effects: effectsOf(lambda), checkpoints, finished, starts: lambda.process.starts }
}

const listeners = new Map<
  string,
  (when: 'before' | 'after', updates: readonly CheckpointUpdate[]) => Promise<'lost' | undefined>
>()

/** The execution of a step that a line of the effects is of. */
function executionOf(line: string): string {
  const [, key = '', times = '#1'] = line.split(' ')
  return key.slice('trip-42/'.length) + (times === '#1' ? '' : times)
}

/** What a person would find out. */
function whatBecameOfIt(lambda: TestFunction): unknown {
  const booked = effectsOf(lambda).some((line) => line.startsWith('bookFlight'))
  return booked ? { status: 'done', output: 'JL44-1' } : { status: 'not-done' }
}

function essence({ status, text, messages, usage, turns, state }: RunResult): unknown {
  return { status, text, messages, usage, turns, plugins: state.plugins }
}

function check(point: string, done: Trial, isBookingInDoubt: boolean): void {
  expect(essence(done.result), point).toEqual(essence(expected.result))
  const counts = count(done.effects)
  expect(Object.keys(counts).sort(), point).toEqual(Object.keys(count(expected.effects)).sort())
  for (const [line, times] of Object.entries(counts)) {
    expect(times, `${point}: ${line}`).toBeLessThanOrEqual(line.startsWith('bookFlight') ? 1 : 2)
  }
  // What was recorded did not run again.
  for (const [line, times] of Object.entries(done.finished)) expect(counts[line], `${point}: ${line}`).toBe(times)
  expect(done.asked.includes(UNKNOWN), `${point}: whether the booking was in doubt`).toBe(isBookingInDoubt)
}

test('each checkpoint, before and after', async () => {
  const { checkpoints } = expected
  expect(expected.starts).toBe(1)
  const started = checkpoints.findIndex((all) => all.some(({ Name, Action }) => Name === BOOKING && Action === 'START'))
  const ended = checkpoints.findIndex((all) => all.some(({ Name, Action }) => Name === BOOKING && Action === 'SUCCEED'))
  expect(started).toBeGreaterThan(0)
  const points = checkpoints.flatMap((_, index) => [
    { index, when: 'before' as const },
    { index, when: 'after' as const },
  ])
  const lane = async (): Promise<void> => {
    for (let point = points.shift(); point; point = points.shift()) {
      const { index, when } = point
      const done = await trial(index, when)
      const isBegun = index > started || (index === started && when === 'after')
      const isDone = index > ended || (index === ended && when === 'after')
      check(`${when} checkpoint ${index}`, done, isBegun && !isDone)
    }
  }
  const all = points.length
  await Promise.all(Array.from({ length: LANES }, lane))
  console.log(`${all} kills at ${checkpoints.length} checkpoints`)
}, 240_000)
