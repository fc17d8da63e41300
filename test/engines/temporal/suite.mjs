// The tests that need a Temporal server: gets one, runs them, ends it. `npm run test:engines temporal [-- file …]`.
import { run } from '../../../scripts/run.mjs'

const reports = process.env.HOLDFAST_REPORTS
const report = reports
  ? ` --reporter=default --reporter=json --outputFile.json=${JSON.stringify(`${reports}/engine-temporal.json`)}`
  : ''
const files = process.env.HOLDFAST_ENGINE_TESTS ?? ''
process.exitCode = run(`vitest run --config test/engines/temporal/vitest.config.ts${report} ${files}`)
