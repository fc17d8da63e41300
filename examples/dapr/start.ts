/** Starts a run: `node start.ts trip-42 'Fly me to Tokyo'`. Started again, it is the same run. */
import { daprRuns } from 'holdfast/dapr'
import { travel } from './agent.ts'
import { client } from './client.ts'

const [runId = 'trip-42', input = 'Fly me from LHR to NRT on 3 May'] = process.argv.slice(2)
const run = await daprRuns(client).start(travel, input, { runId })
console.log(`run '${run.runId}' is ${(await run.status()).status}`)
process.exit()
