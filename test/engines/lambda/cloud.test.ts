/**
 * The same on an account of AWS, which the user has deployed examples/lambda to: only where HOLDFAST_LAMBDA_FUNCTION names the
 * function, e.g. `holdfast-travel:live`. Credentials and region are AWS's usual ones. Each case starts a run or two.
 */
import { LambdaClient } from '@aws-sdk/client-lambda'
import type { LambdaRuns } from 'holdfast/lambda'
import { lambdaRuns } from 'holdfast/lambda'
import { afterAll, beforeAll, test } from 'vitest'
import { deployedCases } from './support/deployed.ts'

const functionName = process.env['HOLDFAST_LAMBDA_FUNCTION'] ?? ''
const stamp = Date.now().toString(36)
let client: LambdaClient
let runs: LambdaRuns

beforeAll(() => {
  if (!functionName) throw new Error('HOLDFAST_LAMBDA_FUNCTION does not name a function')
  client = new LambdaClient()
  runs = lambdaRuns(client, { functionName })
})

afterAll(() => client?.destroy())

for (const [index, { name, run }] of deployedCases.entries()) {
  test.concurrent(name, () => run(runs, `holdfast-suite-${stamp}-${index}`), 180_000)
}
