/** Starts a run: `node start.ts trip-42`. With AWS's usual environment variables, and FUNCTION for the function's name. */
import { LambdaClient } from '@aws-sdk/client-lambda'
import { lambdaRuns } from 'holdfast/lambda'
import { travel } from './agent.ts'

const [runId = 'trip-42'] = process.argv.slice(2)
const runs = lambdaRuns(new LambdaClient(), { functionName: process.env['FUNCTION'] ?? 'holdfast-travel:live' })
const run = await runs.start(travel, 'Fly me to Tokyo', { runId })
console.log(`run ${run.runId} is started`)
