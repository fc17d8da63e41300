/** Shows what a run waits for, says yes to all of it, and prints how the run ends: `node approve.ts trip-42`. */
import { Client, Connection } from '@temporalio/client'
import { temporalRuns } from 'holdfast/temporal/client'

const [runId = 'trip-42'] = process.argv.slice(2)
const connection = await Connection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233' })
// A worker that died may have had the run: until another has it, nobody tells its status.
const run = temporalRuns(new Client({ connection }), { patience: 60_000 }).get(runId)
for (let status = await run.status(); status.status !== 'completed'; status = await run.status()) {
  for (const { id, input } of status.waits) {
    console.log(`${id}: ${JSON.stringify(input)}`)
    await run.respond(id, { approved: true, by: 'you' })
  }
  await new Promise((resolve) => setTimeout(resolve, 200))
}
console.log((await run.result()).text)
await connection.close()
