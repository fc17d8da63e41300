/** All of it on this machine: a server, a worker that is killed in the middle of a tool, another that goes on, an approval. */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startTemporal } from '../../scripts/temporal-server.mjs'

const server = await startTemporal()
console.log(`a Temporal server is at ${server.address}`)

function run(script: string, ...args: string[]): ChildProcess {
  const env = { ...process.env, TEMPORAL_ADDRESS: server.address }
  return fork(fileURLToPath(new URL(script, import.meta.url)), args, { env })
}

async function startWorker(): Promise<ChildProcess> {
  const worker = run('worker.ts')
  const ready = await Promise.race([once(worker, 'message'), once(worker, 'exit').then(() => undefined)])
  if (!ready) throw new Error('the worker did not start')
  console.log(`worker ${worker.pid} is ready`)
  return worker
}

let worker: ChildProcess | undefined
try {
  worker = await startWorker()
  await once(run('start.ts', 'trip-42'), 'exit')
  await new Promise((resolve) => setTimeout(resolve, 1_000))
  console.log(`worker ${worker.pid} is killed, in the middle of its search`)
  worker.kill('SIGKILL')
  worker = await startWorker()
  await once(run('approve.ts', 'trip-42'), 'exit')
} finally {
  worker?.kill('SIGKILL')
  await server.stop()
}
