/**
 * A run whose worker is killed with SIGKILL in the middle of a tool, and another that takes it over:
 *
 *     npm start
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { refundAgent } from './agent.ts'
import { connectBackend } from './backend.ts'
import { openworkflowRuns } from './openworkflow-runs.ts'

const folder = await mkdtemp(join(tmpdir(), 'holdfast-openworkflow-'))
const env = { ...process.env, OPENWORKFLOW_DB: join(folder, 'openworkflow.db'), EFFECTS: join(folder, 'effects.log') }
const backend = connectBackend(env.OPENWORKFLOW_DB)
const agent = refundAgent(() => Promise.reject(new Error('tools run in the worker')))

/** A worker, which dies when it begins this tool. */
function startWorker(dieIn?: string): ChildProcess {
  const worker = fork(join(import.meta.dirname, 'worker.ts'), { env })
  worker.on('message', (tool) => {
    console.log(tool === dieIn ? `  ${tool}: SIGKILL` : `  ${tool}`)
    if (tool === dieIn) worker.kill('SIGKILL')
    else worker.send('go on')
  })
  // One that fails by itself, which it never should, would leave the others waiting.
  worker.on('exit', (code) => code && process.exit(code))
  return worker
}

const run = await openworkflowRuns(backend).start(agent, 'Refund order A-17', { runId: 'refund-A-17' })

console.log('worker 1')
const first = startWorker('lookUp')
await once(first, 'exit')
// The engine would give it to another after 30 seconds. Who saw the worker die need not wait.
await run.release()

console.log('worker 2')
const second = startWorker('writeMail')
const { id, input } = await openWait()
console.log(`  waits: ${id}, ${JSON.stringify(input)}`)
await run.respond(id, { approved: true, by: 'Ada' })
await once(second, 'exit')
await run.release()

console.log('worker 3')
const third = startWorker()
const result = await run.result()
third.kill()
console.log(result.text)
console.log(`What was done:\n${await readFile(env.EFFECTS, 'utf8')}`)
await backend.stop()
await rm(folder, { recursive: true })

async function openWait() {
  for (;;) {
    const { status, waits } = await run.status()
    if (status === 'waiting' && waits[0]) return waits[0]
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
