/** All of it on this machine: Dapr, a worker that is killed in the middle of a tool, another that goes on, an approval. */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DaprCluster } from '../../tools/dapr/cluster.mjs'
import { listeningApp, startCluster } from '../../tools/dapr/cluster.mjs'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-dapr-demo-'))
// One that listens already, as under `dapr run`, or else one of our own.
const listening = await listeningApp()
const cluster = listening ? undefined : await startCluster(folder)
const daprd = listening ?? (await (cluster as DaprCluster).app('travel'))
const runId = `trip-${process.pid}`
console.log(`daprd is at ${daprd.host}:${daprd.grpcPort}`)

function run(script: string, ...args: string[]): ChildProcess {
  const env = { ...process.env, DAPR_GRPC_PORT: String(daprd.grpcPort) }
  // The SDK tells of connections that are lost, on stderr.
  const stdio: ['ignore', 'inherit', 'ignore', 'ipc'] = ['ignore', 'inherit', 'ignore', 'ipc']
  return fork(fileURLToPath(new URL(script, import.meta.url)), args, { env, stdio })
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
  await once(run('start.ts', runId), 'exit')
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  console.log(`worker ${worker.pid} is killed, in the middle of its search`)
  worker.kill('SIGKILL')
  worker = await startWorker()
  await once(run('approve.ts', runId), 'exit')
} finally {
  worker?.kill('SIGKILL')
  await cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
}
