// The tests that need the emulator of AWS Lambda Durable Execution, which they set up by themselves (python3 3.11 or newer
// has to be there): `npm run test:engines lambda`. HOLDFAST_ENGINE_TESTS names the files to run, all if it is left out.
import { run } from '../../../scripts/run.mjs'

const reports = process.env.HOLDFAST_REPORTS
const report = reports
  ? ` --reporter=default --reporter=json --outputFile.json=${JSON.stringify(`${reports}/engine-lambda.json`)}`
  : ''
const files = process.env.HOLDFAST_ENGINE_TESTS ?? ''
process.exitCode = run(`vitest run --config test/engines/lambda/vitest.config.ts${report} ${files}`)
