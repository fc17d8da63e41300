/** Workers in processes of their own, that tests kill. */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'

const MODULE = fileURLToPath(new URL('./worker-child.ts', import.meta.url))

export interface ChildOptions {
  readonly taskQueue: string
  readonly effects: string
  readonly killAt?: string
  readonly killMark?: string
  /** Default: once. */
  readonly killTimes?: number
  /** Milliseconds between the point and its death. Default: 500. */
  readonly killDelay?: number
  /** The file that it publishes to. */
  readonly streams?: string
  readonly address?: string
}

/** Resolves when the worker is ready. */
export async function startChild({
  taskQueue,
  effects,
  killAt,
  killMark,
  killTimes,
  killDelay,
  streams,
  address,
}: ChildOptions): Promise<ChildProcess> {
  const temporal = inject('temporal')
  const child = fork(MODULE, {
    // Without a pipe: nobody is held by what a killed process leaves open.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: ['--conditions=holdfast-source'],
    env: {
      ...process.env,
      ADDRESS: address ?? temporal.address,
      QUEUE: taskQueue,
      BUNDLE: temporal.bundle,
      EFFECTS: effects,
      ...(killAt && { KILL_AT: killAt }),
      ...(killMark && { KILL_MARK: killMark }),
      ...(killTimes !== undefined && { KILL_TIMES: String(killTimes) }),
      ...(killDelay !== undefined && { KILL_DELAY: String(killDelay) }),
      ...(streams && { STREAMS: streams }),
    },
  })
  await once(child, 'message')
  return child
}

export async function killChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}

/** A worker that is started again whenever it dies. */
export function keepAlive(options: ChildOptions): {
  readonly deaths: () => number
  kill(): void
  stop(): Promise<void>
} {
  let deaths = 0
  let stopped = false
  let child: ChildProcess | undefined
  const loop = async (): Promise<void> => {
    while (!stopped) {
      child = await startChild(options)
      if (stopped) break
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      if (!stopped) deaths++
    }
    if (child) await killChild(child)
  }
  const looping = loop()
  return {
    deaths: () => deaths,
    kill: () => child?.kill('SIGKILL'),
    async stop() {
      stopped = true
      if (child) await killChild(child)
      await looping
    },
  }
}
