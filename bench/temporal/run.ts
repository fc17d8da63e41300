/**
 * Temporal: Holdfast beside bare activities and beside the AI SDK plugin of Temporal, on one server, in turns.
 * `npm run bench:temporal`; writes RESULTS.md. The peer has an install of its own, peer/.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startTemporal } from '../../scripts/temporal-server.mjs'
import { median, ratio } from '../measure.ts'
import type { Section } from '../report.ts'
import { atMost, toMarkdown } from '../report.ts'
import { build } from './built.ts'
import type { Figures, Row } from './scenario.ts'
import { takeOvers } from './takeover.ts'

const here = dirname(fileURLToPath(import.meta.url))
const peer = join(here, 'peer')
const ROUNDS = 5
/** The first is not counted. */
const SHORT = [20, 50, 50, 50]
const LONG = [100, 200, 400]

if (!existsSync(join(peer, 'node_modules'))) {
  spawnSync('npm', ['--prefix', peer, 'ci', '--loglevel=error'], { stdio: 'inherit' })
}

function contender(script: string, ...given: readonly (string | number)[]): Figures {
  const { stdout, status, signal } = spawnSync(process.execPath, [join(here, script), ...given.map(String)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1e8,
  })
  const line = stdout.trim().split('\n').at(-1)
  if (!line?.startsWith('{')) throw new Error(`bench/temporal/${script} ended with ${status ?? signal}`)
  return JSON.parse(line) as Figures
}

/** Milliseconds per turn. */
function perTurn({ rows }: Figures): number {
  return median(rows.slice(1, SHORT.length).map(({ turns, took }) => took / turns))
}

const [load = 0] = loadavg()
const folder = build()
const server = await startTemporal()
const { address } = server
try {
  const rounds = Array.from({ length: ROUNDS }, (_, round) => {
    const turns = round === 0 ? [...SHORT, ...LONG] : SHORT
    return {
      plain: contender('plain.ts', address, ...turns),
      ours: contender('holdfast.ts', address, folder, ...turns),
      // Its history is over the server's limit at 400 turns.
      theirs: contender('peer/talk.mjs', address, ...turns.filter((count) => count < 400)),
    }
  })
  const takeOver = await takeOvers(address, folder, ROUNDS)
  const times = (name: 'plain' | 'ours' | 'theirs'): number[] => rounds.map((round) => perTurn(round[name]))
  const [{ plain, ours, theirs }] = rounds as [(typeof rounds)[0]]
  const at = ({ rows }: Figures, turns: number): Row | undefined => rows.findLast((row) => row.turns === turns)
  const size = (figures: Figures, turns: number): string => {
    const row = at(figures, turns)
    if (!row) return 'not run'
    return `${(row.bytes / 1e6).toFixed(2)} MB, ${row.events} events${row.failed ? ` (failed: ${row.failed})` : ''}`
  }
  const line = (name: string, of: 'plain' | 'ours' | 'theirs', figures: Figures): string[] => [
    name,
    `${median(times(of)).toFixed(1)} ms`,
    ...[50, 100, 200, 400].map((turns) => size(figures, turns)),
    `${(figures.rss / 1e6).toFixed(0)} MB`,
  ]
  const bytes = (figures: Figures, turns: number): number => at(figures, turns)?.bytes ?? Number.NaN
  const section: Section = {
    title: 'Temporal',
    about:
      'In each turn a model says 2 KB and calls a tool, which gives 2 KB. One server, one worker, one run at a time; per turn: ' +
      `the median of ${ROUNDS} processes with ${SHORT.length - 1} runs of 50 turns each, taken in turns, and ratios are medians of ` +
      'the ratios by turn. Bare activities keep no conversation. Taking over: from the SIGKILL of one of two workers in the middle ' +
      'of a tool until the tool runs on the other, default settings (a heartbeat timeout of 5 s).',
    columns: ['', 'per turn', '50 turns', '100', '200', '400', 'worker RSS'],
    rows: [
      line('bare activities', 'plain', plain),
      line('Holdfast', 'ours', ours),
      line('@temporalio/ai-sdk 1.23', 'theirs', theirs),
    ],
    targets: [
      atMost('per step, beside bare activities', ratio(times('ours'), times('plain')), 1.1, 'x'),
      atMost('per turn, beside the AI SDK plugin', ratio(times('ours'), times('theirs')), 1, 'x'),
      atMost('history at 100 turns, beside the AI SDK plugin', bytes(ours, 100) / bytes(theirs, 100), 0.05, 'x'),
      atMost('history of 400 turns, beside that of 200', bytes(ours, 400) / bytes(ours, 200), 2.1, 'x'),
      atMost('taking over from a killed worker', median(takeOver) / 1000, 10, ' s'),
    ],
  }
  const about = `Written by \`npm run bench:temporal\`, ${new Date().toISOString().slice(0, 10)}, ${cpus().length} CPUs, Node ${process.versions.node}, load ${load.toFixed(1)} at the start.`
  const text = toMarkdown(section)
  console.log(text)
  writeFileSync(join(here, 'RESULTS.md'), `# Results\n\n${about}\n\n${text}\n`)
} finally {
  await server.stop()
}
