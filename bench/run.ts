/**
 * All parts of the benchmark, each in a process of its own, one after the other; writes RESULTS.md.
 * `npm run bench`, or for some parts alone, which are printed and not kept: `npm run bench -- loop import`.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Section } from './report.ts'
import { toMarkdown } from './report.ts'

const here = dirname(fileURLToPath(import.meta.url))
const PARTS = ['loop', 'journal', 'import'] as const

function runPart(part: string): Section {
  const args = ['--conditions=holdfast-source', join(here, `${part}.ts`)]
  const { status, stdout } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`bench/${part}.ts ended with ${status}`)
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Section
}

function versionOf(name: string): string {
  for (const folder of [here, dirname(here)]) {
    const path = join(folder, 'node_modules', name, 'package.json')
    if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
  }
  return 'not installed'
}

function machine(): string {
  const [cpu] = cpus()
  const peers = ['ai', '@strands-agents/sdk', 'openworkflow', 'emittery', 'zod'].map(
    (name) => `${name} ${versionOf(name)}`,
  )
  return [
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} CPUs (${cpu?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GB, ` +
      `${process.platform} ${process.arch}, load ${load.toFixed(1)} at the start.`,
    `Node ${process.versions.node}, SQLite ${process.versions['sqlite'] ?? 'unknown'}, ${peers.join(', ')}.`,
  ].join('\n')
}

const [load = 0] = loadavg()
const asked = process.argv.slice(2)
const texts: string[] = []
for (const part of asked.length > 0 ? asked : PARTS) {
  const text = toMarkdown(runPart(part))
  console.log(`${text}\n`)
  texts.push(text)
}
if (asked.length === 0) {
  const about =
    'Written by `npm run bench`. Medians; ratios are medians of the ratios of measurements that were taken in turns, in one ' +
    'run. On a machine that does other things at the same time all figures are higher, and ratios further apart.'
  writeFileSync(join(here, 'RESULTS.md'), `${['# Results', about, machine(), ...texts].join('\n\n')}\n`)
}
