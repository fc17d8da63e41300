/** An agent: `node holdfast.ts <address> <folder of what was built> <turns…>` prints a line of JSON. */
import { Client, Connection } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { load } from './built.ts'
import type { Row } from './scenario.ts'
import { measure } from './scenario.ts'
import { talker } from './talker.ts'

const [address = '', folder = '', ...turns] = process.argv.slice(2)
const built = await load(folder)
let total = 0
const agent = talker(built.holdfast, () => total)

Runtime.install({ logger: new DefaultLogger('ERROR') })
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue: 'holdfast',
  plugins: [new built.worker.HoldfastPlugin({ agents: [agent] })],
})
void worker.run()
const client = new Client({ connection: await Connection.connect({ address }) })
// One history, however long.
const runs = built.client.temporalRuns(client, { continueAfter: 1_000_000 })
const rows: Row[] = []
for (const count of turns.map(Number)) {
  total = count
  const runId = `holdfast-${process.pid}-${rows.length}`
  rows.push(await measure(client, runId, count, async () => (await runs.start(agent, 'go', { runId })).result()))
}
console.log(JSON.stringify({ rows, rss: process.memoryUsage().rss }))
process.kill(process.pid, 'SIGKILL')
