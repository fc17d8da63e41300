// node --conditions=holdfast-source scripts/conformance-table.mjs [--update]: runs the conformance kit on our plugins and
// compares what comes out with the table in README.md, between its markers. With --update, writes it there. What engines
// outside of Node do stands in test/engines/*/conformance.json, which their suites write and hold.
import { readFileSync, writeFileSync } from 'node:fs'
import { conformanceAgent, createWorld, durabilityConformance, formatMarkdown, runConformance } from 'holdfast/testing'
import { create as map } from '../test/testing/support/map-module.ts'
import { create as sqlite } from '../test/conformance/support/sqlite-engine.ts'

const PLUGINS = { SQLite: sqlite, 'Map (40 lines)': map }
const ENGINES = { Temporal: 'temporal', Lambda: 'lambda', Dapr: 'dapr' }
const START = '<!-- conformance:start -->'
const END = '<!-- conformance:end -->'

async function reportOn([plugin, create]) {
  const engine = create()
  const { durability } = await engine.start(conformanceAgent('pair', createWorld()))
  const { supports } = durability
  await engine.dispose?.()
  const onResult = ({ name, status, message }) => {
    if (status === 'failed') console.error(`${plugin}: ${name}: ${message}`)
  }
  return runConformance(durabilityConformance({ create, supports, timeout: 120_000 }), { plugin, supports, onResult })
}

function keptReport([plugin, engine]) {
  return { plugin, results: JSON.parse(readFileSync(`test/engines/${engine}/conformance.json`, 'utf8')), ok: true }
}

const [main, ...others] = await Array.fromAsync(Object.entries(PLUGINS), reportOn)
const reports = [main, ...Object.entries(ENGINES).map(keptReport), ...others]
const readme = readFileSync('README.md', 'utf8')
const [before, rest] = readme.split(START)
const after = rest?.split(END)[1]
if (after === undefined) throw new Error(`README.md has no ${START} and ${END}`)
const now = `${before}${START}\n${formatMarkdown(reports, { grouped: true })}\n${END}${after}`
if (process.argv.includes('--update')) writeFileSync('README.md', now)
else if (now !== readme) {
  console.error('The table in README.md is not what the conformance kit finds: run this script with --update.')
  process.exitCode = 1
}
if (!reports.every(({ ok }) => ok)) process.exitCode = 1
