/** Workers in processes of their own, that tests kill. */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { DaprApp } from '../../../../tools/dapr/cluster.mjs'

const MODULE = fileURLToPath(new URL('./worker-child.ts', import.meta.url))

export interface ChildOptions {
  readonly daprd: DaprApp
  readonly effects: string
  readonly killAt?: string
}

/** Resolves when the worker has been started; it may not be connected yet. */
export async function startChild({ daprd, effects, killAt }: ChildOptions): Promise<ChildProcess> {
  const child = fork(MODULE, {
    // Without a pipe: nobody is held by what a killed process leaves open.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: ['--conditions=holdfast-source'],
    env: {
      ...process.env,
      HOST: daprd.host,
      PORT: String(daprd.grpcPort),
      EFFECTS: effects,
      KILL_MARK: `${effects}-mark`,
      ...(killAt && { KILL_AT: killAt }),
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
export function keepAlive(options: ChildOptions): { readonly deaths: () => number; stop(): Promise<void> } {
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
    async stop() {
      stopped = true
      if (child) await killChild(child)
      await looping
    },
  }
}
