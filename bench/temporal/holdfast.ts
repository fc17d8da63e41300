/** An agent: `node holdfast.ts <address> <turns…>` prints a line of JSON. */
import { Client, Connection } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { Agent, tool } from '../../src/index.ts'
import { temporalRuns } from '../../src/plugins/temporal/client.ts'
import { HoldfastPlugin } from '../../src/plugins/temporal/worker.ts'
import { call, calls, scriptedModel, text } from '../../src/testing/index.ts'
import type { Row } from './scenario.ts'
import { measure, words } from './scenario.ts'

const [address = '', ...turns] = process.argv.slice(2)
let total = 0
const agent = (): Agent =>
  new Agent({
    name: 'talker',
    limits: { turns: 10_000 },
    model: scriptedModel((_, turn) =>
      turn <= total ? calls(text(words(2_000)), call('look', { turn })) : text(words(2_000)),
    ),
    tools: [
      tool({ name: 'look', input: { type: 'object' }, execute: (input) => `${JSON.stringify(input)} ${words(2_000)}` }),
    ],
  })

Runtime.install({ logger: new DefaultLogger('ERROR') })
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue: 'holdfast',
  plugins: [new HoldfastPlugin({ agents: [agent()] })],
})
void worker.run()
const client = new Client({ connection: await Connection.connect({ address }) })
const runs = temporalRuns(client)
const rows: Row[] = []
for (const count of turns.map(Number)) {
  total = count
  const runId = `holdfast-${count}-${rows.length}`
  rows.push(await measure(client, runId, count, async () => (await runs.start(agent(), 'go', { runId })).result()))
}
console.log(JSON.stringify({ rows, rss: process.memoryUsage().rss }))
process.kill(process.pid, 'SIGKILL')
