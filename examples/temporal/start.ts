/** Starts a run: `node start.ts trip-42 'Fly me to Tokyo'`. Started again, it is the same run. */
import { Client, Connection } from '@temporalio/client'
import { temporalRuns } from 'holdfast/temporal/client'
import { travel } from './agent.ts'

const [runId = 'trip-42', input = 'Fly me from LHR to NRT on 3 May'] = process.argv.slice(2)
const connection = await Connection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233' })
const runs = temporalRuns(new Client({ connection }))
const run = await runs.start(travel, input, { runId })
console.log(`run '${run.runId}' is started`)
await connection.close()
