// node scripts/engines.mjs [name …]: the suites that need an engine outside of Node. Each is a folder test/engines/<name>/
// with a suite.mjs, which fetches and starts the engine, runs the tests and exits 0 if they passed. With the
// environment variable HOLDFAST_REPORTS it also writes Vitest's JSON report into that folder, as engine-<name>.json.
import { existsSync, readdirSync } from 'node:fs'
import { run } from './run.mjs'

const folder = 'test/engines'
const suites = (existsSync(folder) ? readdirSync(folder) : []).filter((name) =>
  existsSync(`${folder}/${name}/suite.mjs`),
)
const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !suites.includes(name))

if (unknown.length > 0) {
  console.error(`no engine suite ${unknown.join(', ')}; there are: ${suites.join(', ') || '(none yet)'}`)
  process.exitCode = 2
} else if (suites.length === 0) {
  console.log('no engine suites yet')
} else {
  const failed = (asked.length > 0 ? asked : suites).filter((name) => run(`node ${folder}/${name}/suite.mjs`) !== 0)
  if (failed.length > 0) console.error(`engine suites that failed: ${failed.join(', ')}`)
  process.exitCode = failed.length > 0 ? 1 : 0
}
