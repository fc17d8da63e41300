/**
 * Temporal: Holdfast beside bare activities and beside the AI SDK plugin of Temporal, on one server, one after the other.
 * `node --conditions=holdfast-source bench/temporal/run.ts`; prints a table. The peer has an install of its own, peer/.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startTemporal } from '../../scripts/temporal-server.mjs'
import type { Section } from '../report.ts'
import { atMost, toMarkdown } from '../report.ts'
import type { Figures, Row } from './scenario.ts'

const here = dirname(fileURLToPath(import.meta.url))
const peer = join(here, 'peer')
const SHORT = [10, 50, 50, 50]
const LONG = [100, 200, 400]

if (!existsSync(join(peer, 'node_modules'))) {
  spawnSync('npm', ['--prefix', peer, 'ci', '--loglevel=error'], { stdio: 'inherit' })
}

function contender(script: string, address: string, turns: readonly number[]): Figures {
  const args = ['--conditions=holdfast-source', join(here, script), address, ...turns.map(String)]
  const { stdout, status, signal } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1e8,
  })
  const line = stdout.trim().split('\n').at(-1)
  if (!line?.startsWith('{')) throw new Error(`bench/temporal/${script} ended with ${status ?? signal}`)
  return JSON.parse(line) as Figures
}

/** Of the runs of 50 turns, after the first of all: milliseconds per turn. */
function perTurn({ rows }: Figures): number {
  const times = rows.filter(({ turns }, index) => index > 0 && turns === 50).map(({ took }) => took / 50)
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN
}

const server = await startTemporal()
const { address } = server
try {
  const plain = contender('plain.ts', address, [...SHORT, ...LONG])
  const ours = contender('holdfast.ts', address, [...SHORT, ...LONG])
  const theirs = contender('peer/talk.mjs', address, [...SHORT, ...LONG.slice(0, 2)])
  const at = ({ rows }: Figures, turns: number): Row | undefined => rows.findLast((row) => row.turns === turns)
  const size = (figures: Figures, turns: number): string => {
    const row = at(figures, turns)
    if (!row) return 'not run'
    return `${(row.bytes / 1e6).toFixed(2)} MB, ${row.events} events${row.failed ? ` (failed: ${row.failed})` : ''}`
  }
  const line = (name: string, figures: Figures): string[] => [
    name,
    `${perTurn(figures).toFixed(1)} ms`,
    ...[50, 100, 200, 400].map((turns) => size(figures, turns)),
    `${(figures.rss / 1e6).toFixed(0)} MB`,
  ]
  const section: Section = {
    title: 'Temporal',
    about:
      'In each turn a model says 2 KB and calls a tool, which gives 2 KB. One server, one worker, one run at a time; per turn: ' +
      'the median of three runs of 50 turns. Bare activities keep no conversation.',
    columns: ['', 'per turn', '50 turns', '100', '200', '400', 'worker RSS'],
    rows: [line('bare activities', plain), line('Holdfast', ours), line('@temporalio/ai-sdk 1.23', theirs)],
    targets: [
      atMost('per step, beside bare activities', perTurn(ours) / perTurn(plain), 1.1, 'x'),
      atMost('per turn, beside the AI SDK plugin', perTurn(ours) / perTurn(theirs), 1, 'x'),
      atMost(
        'history at 100 turns, beside the AI SDK plugin',
        (at(ours, 100)?.bytes ?? 0) / (at(theirs, 100)?.bytes ?? 1),
        0.05,
        'x',
      ),
      atMost(
        'history of 400 turns, beside that of 200',
        (at(ours, 400)?.bytes ?? 0) / (at(ours, 200)?.bytes ?? 1),
        2.1,
        'x',
      ),
    ],
  }
  console.log(toMarkdown(section))
} finally {
  await server.stop()
}
