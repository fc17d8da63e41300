/** Waits until the run asks something, approves it, and prints how the run ends: `node approve.ts trip-42`. */
import { LambdaClient } from '@aws-sdk/client-lambda'
import { lambdaRuns } from 'holdfast/lambda'

const [runId = 'trip-42'] = process.argv.slice(2)
const runs = lambdaRuns(new LambdaClient(), { functionName: process.env['FUNCTION'] ?? 'holdfast-travel:live' })
const run = runs.get(runId)
for (;;) {
  const { status, waits } = await run.status()
  const [wait] = waits
  if (wait) {
    console.log(`run ${runId} asks ${wait.id}: ${JSON.stringify(wait.input)}`)
    await run.respond(wait.id, { approved: true, by: 'you' })
    break
  }
  if (status !== 'running' && status !== 'blocked') break
  await new Promise((resolve) => setTimeout(resolve, 500))
}
const { status, text } = await run.result()
console.log(`run ${runId} is ${status}: ${text}`)
