/** All of it on this machine: a server, a worker that is killed in the middle of a tool, another that goes on, an approval. */
import type { ChildProcess } from 'node:child_process'
import { fork as forkModule } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { startTemporal } from '../../scripts/temporal-server.mjs'

const server = await startTemporal()
console.log(`a Temporal server is at ${server.address}`)

function fork(script: string, ...args: string[]): ChildProcess {
  const env = { ...process.env, TEMPORAL_ADDRESS: server.address }
  const stdio = ['ignore', 'pipe', 'inherit', 'ipc'] as const
  const child = forkModule(fileURLToPath(new URL(script, import.meta.url)), args, { env, stdio: [...stdio] })
  child.stdout?.pipe(process.stdout, { end: false })
  return child
}

async function run(script: string, ...args: string[]): Promise<void> {
  const [code] = await once(fork(script, ...args), 'close')
  if (code !== 0) throw new Error(`${script} ended with ${code}`)
}

async function startWorker(): Promise<ChildProcess> {
  const worker = fork('worker.ts')
  const ready = await Promise.race([once(worker, 'message'), once(worker, 'exit').then(() => undefined)])
  if (!ready) throw new Error('the worker did not start')
  console.log(`worker ${worker.pid} is ready`)
  return worker
}

/** Resolves when a child has said it. */
function said(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve) => {
    child.stdout?.on('data', (text: Buffer) => {
      if (text.includes(words)) resolve()
    })
  })
}

let worker: ChildProcess | undefined
try {
  worker = await startWorker()
  const searching = said(worker, 'looks for flights')
  await Promise.all([run('start.ts', 'trip-42'), searching])
  console.log(`worker ${worker.pid} is killed, in the middle of its search`)
  worker.kill('SIGKILL')
  worker = await startWorker()
  await run('approve.ts', 'trip-42')
} finally {
  worker?.kill('SIGKILL')
  await server.stop()
}
