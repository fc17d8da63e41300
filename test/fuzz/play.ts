/** Plays a script on an engine to its end: through crashes, with a person who answers. */
import type { Json, OpenWait, RunResult } from 'holdfast'
import { isHoldfastError } from 'holdfast'
import type { CrashScript, Script } from '../support/random-script.ts'
import { callAt, placeOfStep } from '../support/random-script.ts'
import type { Bench, BenchMaker } from './engines.ts'
import { callOf } from './interpret.ts'
import type { Faults } from './world.ts'
import { Process, World } from './world.ts'

export interface Outcome {
  readonly status: string
  readonly text?: string
  readonly output?: Json
  readonly messages?: Json
  readonly usage?: Json
  readonly turns?: number
  readonly reason?: string
  readonly plugins?: Json
  readonly error?: { readonly code: string; readonly message: string }
}

/** What a process left behind when it died or waited: what no later one may do again. */
interface Left {
  readonly process: number
  readonly crashed: boolean
  readonly recorded: ReadonlySet<string>
}

export interface Played {
  readonly engine: string
  readonly durable: boolean
  readonly world: World
  readonly outcome: Outcome
  /** Of all processes. */
  readonly boundaries: number
  readonly inTools: number
  readonly left: readonly Left[]
  /** Begun bodies at its end. */
  readonly begun: number
  /** The finished run, taken up once more. */
  readonly replay?: Outcome
}

export interface PlayFaults {
  /** For each process, the boundary at which it dies. */
  readonly crashes?: readonly CrashScript[]
  readonly cancel?: { readonly at: number; readonly again: boolean }
}

const MAX_PROCESSES = 80

export async function play(script: Script, make: BenchMaker, faults: PlayFaults = {}): Promise<Played> {
  const world = new World()
  const bench = make(world)
  const crashes = [...(faults.crashes ?? [])]
  let [boundaries, inTools] = [0, 0]
  const left: Left[] = []
  try {
    for (let ordinal = 1; ; ordinal++) {
      if (ordinal > MAX_PROCESSES) throw new Error(`${bench.name}: no end after ${MAX_PROCESSES} processes`)
      // An engine's run is played from its start in each process; a state in memory goes on from where it was.
      if (bench.durable) world.forgetEnds()
      const cancelAt = cancelOf(faults, ordinal)
      const crash = crashes.shift()
      const process = new Process(script, world, ordinal, {
        ...(crash && { crashAt: crash.at, zombie: crash.zombie, inTool: crash.inTool ?? false }),
        ...(cancelAt !== undefined && { cancelAt }),
      })
      const ended = await endOf(bench, process)
      boundaries += process.count
      inTools += process.inTools
      if (ended === 'crashed') {
        left.push({ process: ordinal, crashed: true, recorded: bench.recorded() })
        continue
      }
      // It had ended before it was to die.
      const passed = crash?.inTool ? process.inTools : process.count
      if (crash && passed < crash.at) crashes.unshift({ ...crash, at: crash.at - passed })
      if (ended.outcome.status === 'waiting') {
        left.push({ process: ordinal, crashed: false, recorded: bench.recorded() })
        await bench.answer(answersTo(script, world, ended.waits))
        continue
      }
      left.push({ process: ordinal, crashed: false, recorded: bench.recorded() })
      const begun = world.begun.length
      const played = {
        engine: bench.name,
        durable: bench.durable,
        world,
        outcome: ended.outcome,
        boundaries,
        inTools,
        left,
        begun,
      }
      if (!bench.durable || ended.outcome.status === 'cancelled') return played
      const again = await endOf(bench, new Process(script, world, ordinal + 1, {}))
      return { ...played, replay: again === 'crashed' ? { status: again } : again.outcome }
    }
  } finally {
    await bench.close?.()
  }
}

function cancelOf({ cancel }: PlayFaults, ordinal: number): Faults['cancelAt'] {
  if (!cancel) return undefined
  if (ordinal === 1) return cancel.at
  return cancel.again ? 0 : undefined
}

interface End {
  readonly outcome: Outcome
  readonly waits: readonly OpenWait[]
}

const HANG = 5_000

async function endOf(bench: Bench, process: Process): Promise<End | 'crashed'> {
  let timer: NodeJS.Timeout | undefined
  const hung = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${bench.name}: hangs in process ${process.ordinal}`)), HANG)
  })
  const run = bench.run(process).then(endOfResult, (error: unknown): End => ({ outcome: failedWith(error), waits: [] }))
  try {
    return await Promise.race([process.crashed, run, hung])
  } finally {
    clearTimeout(timer)
  }
}

function endOfResult(result: RunResult): End {
  const { status, text, output, messages, usage, turns, reason, state, waits } = result
  const outcome = { status, text, output, messages, usage, turns, reason, plugins: state.plugins }
  return { outcome: plain(outcome) as unknown as Outcome, waits: plain(waits) as OpenWait[] }
}

function failedWith(error: unknown): Outcome {
  if (!isHoldfastError(error))
    return { status: 'failed', error: { code: 'none', message: String((error as Error)?.stack ?? error) } }
  return { status: 'failed', error: { code: error.code, message: error.message } }
}

function plain<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T
}

/** Depends on the script and the wait alone. */
function answersTo(script: Script, world: World, waits: readonly OpenWait[]): { readonly [id: string]: unknown } {
  const ids = new Set(waits.map(({ id }) => id))
  if (waits.length === 0 || ids.size < waits.length) world.broken.push(`waits for ${JSON.stringify(waits)}`)
  const askedBefore = world.asked.size
  for (const { id, input } of waits) {
    if (!world.asked.has(id)) world.askedAfter.set(id, askedBefore)
    const before = world.asked.get(id)
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(input))
      world.broken.push(`${id} is asked with another input`)
    world.asked.set(id, plain(input) as unknown as Json)
  }
  const now = script.answers === 'all' ? waits : waits.slice(...(script.answers === 'first' ? [0, 1] : [-1]))
  return Object.fromEntries(now.map((wait) => [wait.id, answerTo(script, world, wait)]))
}

function answerTo(script: Script, world: World, { id, input }: OpenWait): unknown {
  if (input.type === 'interrupt') return { name: input.name, of: input.of }
  if (input.type === 'timer') return { timer: true }
  if (input.type === 'unknown-outcome') {
    const stepId = id.replace(/\/unknown.*$/, '')
    if (!callAt(script, placeOfStep(stepId))?.known) return { status: 'unknown' }
    const key = `run-1/${stepId}`
    const outputs = world.done.get(key)
    if (outputs) return { status: 'done', output: outputs[0] ?? null }
    world.notDone.push(key)
    return { status: 'not-done' }
  }
  const { answer = 'yes' } = callOf(script, input.toolCallId) ?? {}
  if (answer === 'no') return { approved: false, reason: `not ${input.toolCallId}` }
  if (answer === 'yes') return { approved: true, by: 'fuzz' }
  const given = input.input as { readonly prompt?: string }
  if (answer === 'spoil') return { approved: true, input: { ...given, value: 'spoilt' } }
  return { approved: true, input: 'prompt' in given ? { prompt: 'changed' } : { ...given, value: 7 } }
}
