/** The journal: steps per second, replay, growth. Prints a {@link Section} as JSON. */
import { spawnSync } from 'node:child_process'
import { closeSync, cpSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dispose, journalAgent, runToEnd } from './journal/agent.ts'
import { recordsOf, takeHoldfast, takeOpenworkflow, takeRaw } from './journal/contenders.ts'
import { interleave, median, ratio } from './measure.ts'
import type { Section, Target } from './report.ts'
import { atLeast, atMost } from './report.ts'

const here = dirname(fileURLToPath(import.meta.url))
/** The disk's own time goes up and down: many short rounds are fairer than a few long ones. */
const ROUNDS = 25
const SEQUENCE_TURNS = 50
const RUNS = 50
const TURNS_OF_EACH = 10

let made = 0

/** A new folder on the disk of the repository: a file system in memory would cost nothing to sync. */
function folder(): string {
  const path = join(here, '.data', `journal-${process.pid}-${made++}`)
  mkdirSync(path, { recursive: true })
  return path
}

async function inFolder<T>(work: (path: string) => Promise<T> | T): Promise<T> {
  const path = folder()
  try {
    return await work(join(path, 'bench.db'))
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

function perSecond(steps: number, milliseconds: readonly number[]): number {
  return (steps / median(milliseconds)) * 1000
}

async function sequence(): Promise<{ rows: string[][]; targets: Target[] }> {
  const records = await inFolder(async (path) => {
    const agent = journalAgent({ path, turns: SEQUENCE_TURNS })
    await runToEnd(agent, 'run', SEQUENCE_TURNS)
    await dispose(agent)
    return recordsOf(path)
  })
  const steps = records.length
  const taken = await interleave(
    [
      { name: 'raw', take: () => inFolder((path) => takeRaw(path, records)) },
      { name: 'holdfast', take: () => inFolder((path) => takeHoldfast(path, SEQUENCE_TURNS)) },
      { name: 'streamed', take: () => inFolder((path) => takeHoldfast(path, SEQUENCE_TURNS, { streamed: true })) },
      { name: 'openworkflow', take: () => inFolder((path) => takeOpenworkflow(path, steps)) },
    ],
    ROUNDS,
  )
  const names = ['raw', 'holdfast', 'streamed', 'openworkflow']
  const [raw = [], ours = [], streamed = [], theirs = []] = names.map((name) => taken.get(name))
  const bytes = Math.round(records.reduce((sum, { length }) => sum + length, 0) / steps)
  const row = (name: string, each: readonly number[]): string[] => [name, perSecond(steps, each).toFixed(0)]
  return {
    rows: [
      row(`node:sqlite, one commit per record, ${bytes} bytes each`, raw),
      row('holdfast, one run', ours),
      row('holdfast, one run, replies streamed in 10 pieces', streamed),
      row('openworkflow, one run', theirs),
    ],
    targets: [
      atLeast('one run: of the raw steps/s', ratio(raw, ours), 0.85),
      atLeast("one run: times openworkflow's steps/s", ratio(theirs, ours), 2),
    ],
  }
}

/** Pauses of 0 to 2 ms, always the same ones: runs that start together don't stay together. */
function stagger(): () => Promise<void> {
  let seed = 1
  return () => {
    seed = (seed * 48271) % 2147483647
    return new Promise((resolve) => setTimeout(resolve, seed % 3))
  }
}

async function manyAtOnce(): Promise<{ rows: string[][]; targets: Target[] }> {
  // Of each run: its start, and per turn a model call and a tool, and the last model call.
  const each = 2 * TURNS_OF_EACH + 2
  const taken = await interleave(
    [
      {
        name: 'holdfast',
        take: () => inFolder((path) => takeHoldfast(path, TURNS_OF_EACH, { pause: stagger(), runs: RUNS })),
      },
      { name: 'openworkflow', take: () => inFolder((path) => takeOpenworkflow(path, each, stagger(), RUNS)) },
    ],
    ROUNDS,
  )
  const ours = taken.get('holdfast') ?? []
  const theirs = taken.get('openworkflow') ?? []
  return {
    rows: [
      [`holdfast, ${RUNS} runs at once`, perSecond(RUNS * each, ours).toFixed(0)],
      [`openworkflow, ${RUNS} runs at once`, perSecond(RUNS * each, theirs).toFixed(0)],
    ],
    targets: [atLeast(`${RUNS} runs at once: times openworkflow's steps/s`, ratio(theirs, ours), 5)],
  }
}

/** Milliseconds from before the file is opened to the first model call that is not in it; the first is in a cold process. */
async function replay(turns: number): Promise<number[]> {
  const killed = folder()
  const child = join(here, 'journal', 'replay-child.ts')
  spawnSync(process.execPath, [...process.execArgv, child, join(killed, 'bench.db'), String(turns)], {
    stdio: 'inherit',
  })
  const taken: number[] = []
  for (let i = 0; i < 15; i++) {
    const copy = folder()
    cpSync(killed, copy, { recursive: true })
    syncFolder(copy)
    const start = performance.now()
    let asked = 0
    const agent = journalAgent({
      path: join(copy, 'bench.db'),
      turns,
      onModelCall: () => (asked ||= performance.now()),
    })
    await runToEnd(agent, 'run', turns)
    taken.push(asked - start)
    await dispose(agent)
    rmSync(copy, { recursive: true, force: true })
  }
  rmSync(killed, { recursive: true, force: true })
  return taken
}

/** What the killed process had committed is on the disk; what was just copied is not, and the first commit would pay for it. */
function syncFolder(path: string): void {
  for (const name of readdirSync(path)) {
    const file = openSync(join(path, name), 'r+')
    fsyncSync(file)
    closeSync(file)
  }
}

/** Bytes per turn: of the records, and of the file with all that is in it. */
async function growth(turns: number): Promise<{ records: number; file: number }> {
  return inFolder(async (path) => {
    const agent = journalAgent({ path, turns })
    await runToEnd(agent, 'run', turns)
    await dispose(agent)
    const records = recordsOf(path).reduce((sum, { length }) => sum + length, 0)
    const file = readdirSync(dirname(path)).reduce((sum, name) => sum + statSync(join(dirname(path), name)).size, 0)
    return { records: records / turns, file: file / turns }
  })
}

const oneRun = await sequence()
const manyRuns = await manyAtOnce()
const [cold = 0, ...warm] = await replay(500)
const grown = [await growth(10), await growth(100), await growth(1000)]
const [small, , large] = grown
const section: Section = {
  title: 'The journal (holdfast/sqlite)',
  about:
    'Steps per second with a full sync of the disk per commit. A step is a model call or a tool, about 1 KB of record each, ' +
    `${SEQUENCE_TURNS} turns in one run; with ${RUNS} runs at once, ${TURNS_OF_EACH} turns each, a step takes 0 to 2 ms, so ` +
    'that runs do not stay in step. Raw are the very records of a run, inserted with nothing around it. Replay is the time ' +
    'from before the file is opened to the first model call that is not in it, in a process that has replayed before (the ' +
    'median of 14) and in one that has not (cold).',
  columns: ['', 'steps/s'],
  rows: [
    ...oneRun.rows,
    ...manyRuns.rows,
    ['replay of 1,000 steps, ms: median, cold', `${median(warm).toFixed(1)}, ${cold.toFixed(1)}`],
    ['bytes of records per turn: 10, 100, 1,000 turns', grown.map(({ records }) => records.toFixed(0)).join(', ')],
    ['bytes of files per turn: 10, 100, 1,000 turns', grown.map(({ file }) => file.toFixed(0)).join(', ')],
  ],
  targets: [
    ...oneRun.targets,
    ...manyRuns.targets,
    atMost('replay of 1,000 steps', median(warm), 10, ' ms'),
    atMost('bytes of records per turn, 1,000 turns against 10', (large?.records ?? 0) / (small?.records ?? 1), 1.05),
  ],
}
console.log(JSON.stringify(section))
