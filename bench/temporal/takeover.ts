/** How long it takes from the SIGKILL of a worker, in the middle of a tool, until the tool runs again on the other one. */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import { load } from './built.ts'
import { dying } from './talker.ts'

const MODULE = fileURLToPath(new URL('./takeover-worker.ts', import.meta.url))

async function startWorker(...args: string[]): Promise<ChildProcess> {
  const child = fork(MODULE, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  await once(child, 'message')
  return child
}

/** The worker in which the tool starts. */
function startOf(workers: readonly ChildProcess[], attempt: number): Promise<ChildProcess> {
  return new Promise((resolve) => {
    for (const worker of workers) {
      worker.on('message', (message) => {
        if ((message as { attempt?: number }).attempt === attempt) resolve(worker)
      })
    }
  })
}

/** Milliseconds, by round, with the default settings. */
export async function takeOvers(address: string, folder: string, rounds: number): Promise<number[]> {
  const built = await load(folder)
  const connection = await Connection.connect({ address })
  const took: number[] = []
  for (let round = 0; round < rounds; round++) {
    const taskQueue = `takeover-${round}`
    const workers = await Promise.all([1, 2].map(() => startWorker(address, folder, taskQueue)))
    const [first, second] = [startOf(workers, 1), startOf(workers, 2)]
    const runs = built.client.temporalRuns(new Client({ connection }), { taskQueue })
    const run = await runs.start(
      dying(built.holdfast, () => {}),
      'go',
      { runId: taskQueue },
    )
    const dead = await first
    const killed = performance.now()
    dead.kill('SIGKILL')
    await second
    took.push(performance.now() - killed)
    await run.result()
    for (const worker of workers) worker.kill('SIGKILL')
  }
  await connection.close()
  return took
}
