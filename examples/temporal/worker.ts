/** A worker: executes the steps of the agent. Start as many as you like. `node worker.ts` */
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { HoldfastPlugin } from 'holdfast/temporal/worker'
import { travel } from './agent.ts'

Runtime.install({ logger: new DefaultLogger('ERROR') })
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address: process.env['TEMPORAL_ADDRESS'] ?? 'localhost:7233' }),
  taskQueue: 'holdfast',
  plugins: [new HoldfastPlugin({ agents: [travel] })],
})
process.send?.('ready')
await worker.run()
