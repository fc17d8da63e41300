/** The loop without durability against a hand-written one and two frameworks. Prints a {@link Section} as JSON. */
import { aiSdk } from './contenders/ai-sdk.ts'
import { floor } from './contenders/floor.ts'
import { holdfast } from './contenders/holdfast.ts'
import type { Contender, Reading } from './contenders/scenario.ts'
import { strands } from './contenders/strands.ts'
import { cpuTimeOf, interleave, median, ratio } from './measure.ts'
import type { Section, Target } from './report.ts'
import { atMost } from './report.ts'

const TURNS = [10, 100, 1000] as const
const ROUNDS = 9
/** Of 6,000 turns each: until then the compiler is at work. */
const WARM_UPS = 4
/** Frameworks take seconds for 1,000 turns. */
const SLOW_ROUNDS = 3

/** Microseconds per turn, by contender and by round. */
type Taken = Map<string, number[]>

async function takeAll(turns: number, reading: Reading): Promise<Taken> {
  const times = Math.max(1, 6000 / turns)
  const fast = [floor(turns, reading, true), holdfast(turns, reading, true)]
  const bare = [floor(turns, reading, false), holdfast(turns, reading, false)]
  const slow = [aiSdk(turns, reading), strands(turns)]
  const timed = [
    ...fast.map((contender) => timedOf(contender, contender.name, times)),
    ...bare.map((contender) => timedOf(contender, `${contender.name}, no hooks`, times)),
    ...slow.map((contender) => timedOf(contender, contender.name, Math.max(1, 200 / turns))),
  ]
  const taken = await interleave(timed, turns === 1000 ? SLOW_ROUNDS : ROUNDS, turns === 10 ? WARM_UPS : 1)
  return new Map([...taken].map(([name, each]) => [name, each.map((milliseconds) => (milliseconds * 1000) / turns)]))
}

function timedOf(
  { run }: Contender,
  name: string,
  times: number,
): { name: string; times: number; take(times: number): Promise<number> } {
  return { name, times, take: (count) => cpuTimeOf(count, run) }
}

function targetsOf(reading: Reading, [at10, at100, at1000]: readonly Taken[]): Target[] {
  const of = (taken: Taken | undefined, name: string): number[] => taken?.get(name) ?? []
  const ours = of(at10, 'holdfast')
  const best = [of(at10, 'ai ToolLoopAgent'), of(at10, 'strands')].sort((a, b) => median(a) - median(b))[0] ?? []
  const growth = median(of(at1000, 'holdfast')) / median(ours)
  return [
    atMost(`${reading}: times the floor, 10 turns`, ratio(ours, of(at10, 'floor')), 2),
    atMost(`${reading}: times the floor, 100 turns`, ratio(of(at100, 'holdfast'), of(at100, 'floor')), 2),
    atMost(`${reading}: of the faster framework, 10 turns`, ratio(ours, best), 0.25),
    atMost(`${reading}: a turn of 1,000 against one of 10`, growth, 1.3),
  ]
}

const rows: string[][] = []
const targets: Target[] = []
for (const reading of ['stream', 'generate'] as const) {
  const taken: Taken[] = []
  for (const turns of TURNS) taken.push(await takeAll(turns, reading))
  for (const name of taken[0]?.keys() ?? []) {
    rows.push([reading, name, ...taken.map((each) => median(each.get(name) ?? []).toFixed(1))])
  }
  targets.push(...targetsOf(reading, taken))
}
const section: Section = {
  title: 'The loop, without durability',
  about:
    'Microseconds of CPU per turn: one call of an instant model and two instant tools in parallel, zod schemas. With hooks: one ' +
    'listener for each Before, After and MessageAdded event. `stream`: the model is read through doStream, `generate`: ' +
    'through doGenerate; strands has one way, with a model of its own kind, and keeps all messages. The floor is a loop written by hand: ' +
    'the same events through emittery, the same messages, JSON.parse of the inputs; no validation, no limits, no cancel.',
  columns: ['read by', '', ...TURNS.map((turns) => `${turns} turns`)],
  rows,
  targets,
}
console.log(JSON.stringify(section))
