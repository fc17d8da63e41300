/** `node takeover-worker.ts <address> <folder> <task queue>`: a worker that tells its parent when the tool starts. */
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { load } from './built.ts'
import { dying } from './talker.ts'

const [address = '', folder = '', taskQueue = ''] = process.argv.slice(2)
const { holdfast, worker } = await load(folder)
Runtime.install({ logger: new DefaultLogger('ERROR') })
const running = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue,
  plugins: [new worker.HoldfastPlugin({ agents: [dying(holdfast, (attempt) => process.send?.({ attempt }))] })],
})
process.send?.('ready')
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
await running.run()
