/** The floor: `node plain.ts <address> <turns…>` prints a line of JSON. */
import { fileURLToPath } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import type { Row } from './scenario.ts'
import { measure, words } from './scenario.ts'

const [address = '', ...turns] = process.argv.slice(2)
Runtime.install({ logger: new DefaultLogger('ERROR') })
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue: 'plain',
  workflowsPath: fileURLToPath(new URL('./plain-workflows.ts', import.meta.url)),
  activities: { model: async () => words(2_000), look: async (turn: number) => `${turn} ${words(2_000)}` },
})
void worker.run()
const client = new Client({ connection: await Connection.connect({ address }) })
const rows: Row[] = []
for (const count of turns.map(Number)) {
  const workflowId = `plain-${process.pid}-${rows.length}`
  rows.push(
    await measure(client, workflowId, count, () =>
      client.workflow.execute('talk', { workflowId, taskQueue: 'plain', args: [{ turns: count }] }),
    ),
  )
}
console.log(JSON.stringify({ rows, rss: process.memoryUsage().rss }))
process.kill(process.pid, 'SIGKILL')
