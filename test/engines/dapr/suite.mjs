// The tests that need a daprd: gets one, runs them, ends it. `npm run test:engines dapr`.
import { run } from '../../../scripts/run.mjs'

const reports = process.env.HOLDFAST_REPORTS
const report = reports
  ? ` --reporter=default --reporter=json --outputFile.json=${JSON.stringify(`${reports}/engine-dapr.json`)}`
  : ''
const files = process.env.HOLDFAST_ENGINE_TESTS ?? ''
process.exitCode = run(`vitest run --config test/engines/dapr/vitest.config.ts${report} ${files}`)
