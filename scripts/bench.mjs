// The benchmarks have a package.json of their own, so that what they compare with is not installed with the project.
import { existsSync } from 'node:fs'
import { runAll } from './run.mjs'

const install = existsSync('bench/package-lock.json') ? 'ci' : 'install'
const args = process.argv.slice(2).join(' ')
runAll([
  `npm --prefix bench ${install} --loglevel=error --no-fund --no-audit`,
  `node --conditions=holdfast-source bench/run.ts ${args}`,
])
