/** Shows what a run waits for, says yes to all of it, and prints how the run ends: `node approve.ts trip-42`. */
import { daprRuns } from 'holdfast/dapr'
import { client } from './client.ts'

const [runId = 'trip-42'] = process.argv.slice(2)
const run = daprRuns(client).get(runId)
const answered = new Set<string>()
for (let status = await run.status(); status.status !== 'completed'; status = await run.status()) {
  for (const { id, input } of status.waits) {
    if (answered.has(id)) continue
    console.log(`${id}: ${JSON.stringify(input)}`)
    await run.respond(id, { approved: true, by: 'you' })
    answered.add(id)
  }
  await new Promise((resolve) => setTimeout(resolve, 200))
}
console.log((await run.result()).text)
process.exit()
