/** Runs a worker, and kills it where it is told to. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { GO_ON, type WorkerMessage } from './messages.ts'

export interface WorkerOptions {
  readonly args: readonly string[]
  /** Tools in whose middle it is to be killed. */
  readonly killIn: ReadonlySet<string>
  readonly onStart?: (pid: number | undefined) => void
  readonly onMessage?: (message: WorkerMessage) => Promise<void> | void
}

type MiddleMessage = Extract<WorkerMessage, { type: 'middle' }>

export type WorkerEnd =
  | { readonly type: 'result'; readonly result: Extract<WorkerMessage, { type: 'result' }> }
  | { readonly type: 'killed'; readonly middle: MiddleMessage }

const children = new Set<ChildProcess>()

/** Resolves when the worker is gone: it gave its result, or was killed in the middle of a tool. */
export function superviseWorker({ args, killIn, onStart, onMessage }: WorkerOptions): Promise<WorkerEnd> {
  const child = spawn(process.execPath, [...process.execArgv, join(import.meta.dirname, 'worker.ts'), ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  children.add(child)
  onStart?.(child.pid)
  const running = new Set<string>()
  const middles = new Map<string, MiddleMessage>()
  let end: WorkerEnd | undefined
  return new Promise((resolve, reject) => {
    child.on('message', (message: WorkerMessage) => {
      if (message.type === 'step') running[message.event === 'started' ? 'add' : 'delete'](message.stepId)
      if (message.type === 'result') end = { type: 'result', result: message }
      if (message.type === 'middle' && killIn.has(message.tool)) middles.set(message.stepId, message)
      else if (message.type === 'middle') child.send({ type: GO_ON, stepId: message.stepId })
      Promise.resolve(onMessage?.(message)).catch((error: Error) => {
        reject(error)
        child.kill('SIGKILL')
      })
      // What runs beside it may finish first: it is to be seen that this does not run again.
      const [middle] = middles.values()
      if (middle && !end && [...running].every((stepId) => middles.has(stepId))) {
        end = { type: 'killed', middle }
        child.kill('SIGKILL')
      }
    })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      children.delete(child)
      if (end) resolve(end)
      else reject(new Error(`the worker ended by ${signal ?? `exit code ${code}`} and gave no result`))
    })
  })
}

/** Ends what is still running, and waits for it. */
export async function endWorkers(): Promise<void> {
  const all = [...children]
  await Promise.all(
    all.map((child) => {
      const closed = new Promise((resolve) => child.once('close', resolve))
      child.kill('SIGKILL')
      return closed
    }),
  )
}
