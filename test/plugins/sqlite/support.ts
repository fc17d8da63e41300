/** A journal in a folder of its own, runs without a loop, and child processes. */
import type { ChildProcess } from 'node:child_process'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DurableStep, Json, RunInfo, Step, StepDescriptor, StepRecord, WaitInput } from 'holdfast'
import { isHoldfastError } from 'holdfast'
import { onTestFinished } from 'vitest'
import { claimRun } from '../../../src/plugins/sqlite/claim.ts'
import { Journal } from '../../../src/plugins/sqlite/journal.ts'
import type { LiveRun } from '../../../src/plugins/sqlite/live-run.ts'

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-sqlite-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

export function tempPath(): string {
  return join(tempDir(), 'runs.db')
}

/** Closed when the test ends, unless the test closed it. */
export function openJournal(path: string = tempPath()): Journal {
  const journal = new Journal(path)
  onTestFinished(() => closeJournal(journal))
  return journal
}

export function closeJournal(journal: Journal): void {
  try {
    journal.close()
  } catch (error) {
    if (!isHoldfastError(error, 'ENGINE_UNAVAILABLE') && (error as { code?: string }).code !== 'ERR_INVALID_STATE')
      throw error
  }
}

export function rootOf(input: Json = 'go', name = 'main'): StepDescriptor<'agent'> {
  return { kind: 'agent', id: 'run', execution: 1, name, input: { input }, policy: { effect: 'repeatable' } }
}

export interface FakeInfo extends RunInfo {
  readonly openedWaits: string[]
  readonly controller: AbortController
  readonly reasons: (string | undefined)[]
}

export function infoOf(runId: string, onWait: RunInfo['onWait'] = 'block'): FakeInfo {
  const controller = new AbortController()
  const reasons: (string | undefined)[] = []
  const spec = { version: 1, name: 'main' } as unknown as RunInfo['spec']
  const cancel = (reason?: string): void => {
    reasons.push(reason)
    controller.abort(new Error(`cancelled: ${reason}`))
  }
  const { signal } = controller
  const openedWaits: string[] = []
  const opened = (waitId: string): void => {
    openedWaits.push(waitId)
  }
  const told = { cancel, controller, reasons, opened, openedWaits }
  return { runId, agent: 'main', spec, context: null, messages: () => [], onWait, signal, ...told }
}

export interface ClaimOptions {
  readonly input?: Json
  readonly strict?: boolean
  readonly info?: RunInfo
}

/** A run taken up; for one that has ended it throws. */
export function take(journal: Journal, runId: string, { input, strict = true, info }: ClaimOptions = {}): LiveRun {
  const claim = claimRun(journal, rootOf(input), info ?? infoOf(runId), strict)
  if ('run' in claim) return claim.run
  throw new Error(`run ${runId} has ended: ${claim.result}`)
}

export function stepOf(
  id: string,
  run: () => Promise<StepRecord> | StepRecord,
  effect: 'repeatable' | 'once' = 'repeatable',
): DurableStep {
  return { kind: 'task', id, execution: 1, name: 'x', input: null, policy: { effect }, run: async () => run() }
}

/** Records a value; gives what is recorded, and whether the step ran. */
export async function put(
  run: LiveRun,
  id: string,
  output: Json,
  effect?: 'once',
): Promise<{ output: Json; ran: boolean }> {
  let ran = false
  const record = await run.execute(
    stepOf(
      id,
      () => {
        ran = true
        return { of: id, output }
      },
      effect,
    ),
    undefined,
  )
  return { output: record.output as Json, ran }
}

export function waitOf(id: string, input: WaitInput, timeout?: number): Step<'wait'> {
  const policy = { effect: 'repeatable', ...(timeout !== undefined && { timeout }) } as const
  const run = (): never => {
    throw new Error('not run')
  }
  return { kind: 'wait', id, execution: 1, name: input.type, input, policy, run }
}

export const approval: WaitInput = { type: 'approval', of: 'x', tool: 'book', toolCallId: 'c', input: { price: 3 } }

/** What is thrown, at once or later. */
export async function errorOf(
  body: () => unknown,
): Promise<{ code: string; kind: string; message: string; details?: Json }> {
  try {
    await body()
  } catch (error) {
    return error as { code: string; kind: string; message: string }
  }
  throw new Error('nothing was thrown')
}

export interface Child {
  readonly process: ChildProcess
  /** The next message of this type, also one that came before. */
  said<T = Json>(type: string): Promise<T>
  tell(message: Json): void
  kill(): Promise<void>
  readonly exited: Promise<unknown>
}

interface Said {
  readonly type: string
  readonly value: Json
}

/** A child process with one of the scripts of `child.ts`. Killed when the test ends. */
export function startChild(script: string, ...args: string[]): Child {
  const file = join(import.meta.dirname, 'child.ts')
  const child = fork(file, [script, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    execArgv: ['--conditions=holdfast-source'],
  })
  const inbox: Said[] = []
  const waiting = new Set<() => void>()
  const wake = (): void => {
    for (const each of [...waiting]) each()
  }
  let gone = false
  child.on('message', (message) => {
    inbox.push(message as unknown as Said)
    wake()
  })
  const exited = once(child, 'exit').then(() => {
    gone = true
    wake()
  })
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited
  }
  onTestFinished(kill)
  return {
    process: child,
    async said(type) {
      for (;;) {
        const index = inbox.findIndex((message) => message.type === type)
        if (index >= 0) return inbox.splice(index, 1)[0]?.value as never
        if (gone) throw new Error(`the child ended without saying '${type}'; it said ${JSON.stringify(inbox)}`)
        await new Promise<void>((resolve) => {
          const done = (): void => {
            waiting.delete(done)
            resolve()
          }
          waiting.add(done)
        })
      }
    },
    tell: (message) => child.send(message as object),
    kill,
    exited,
  }
}
