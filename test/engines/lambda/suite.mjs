// The tests that need the emulator of AWS Lambda Durable Execution, which they set up by themselves (python3 3.11 or newer
// has to be there): `npm run test:engines lambda`. HOLDFAST_ENGINE_TESTS names the files to run, all if it is left out.
// HOLDFAST_LAMBDA_FUNCTION names a function on an account of AWS, to run cloud.test.ts against.
import { run } from '../../../scripts/run.mjs'

const reports = process.env.HOLDFAST_REPORTS
const report = reports
  ? ` --reporter=default --reporter=json --outputFile.json=${JSON.stringify(`${reports}/engine-lambda.json`)}`
  : ''
const files = process.env.HOLDFAST_ENGINE_TESTS ?? ''
process.exitCode = run(`vitest run --config test/engines/lambda/vitest.config.ts${report} ${files}`)

if (!process.env.HOLDFAST_LAMBDA_FUNCTION) {
  const line = '*'.repeat(100)
  console.log(`${line}
NOT RUN: test/engines/lambda/cloud.test.ts, the suite against a real account of AWS. It is neither passed nor skipped above.
Deploy examples/lambda and set HOLDFAST_LAMBDA_FUNCTION=holdfast-travel:live to run it.
${line}`)
}
