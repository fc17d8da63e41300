/** A process for the tests: `child.ts <script> <args…>`. It says things to the test and is told things by it. */
import { once } from 'node:events'
import { DatabaseSync } from 'node:sqlite'
import type { Json } from 'holdfast'
import { errorToJson } from 'holdfast'
import { claimRun } from '../../../src/plugins/sqlite/claim.ts'
import { Journal } from '../../../src/plugins/sqlite/journal.ts'
import { streamsOf } from '../../../src/plugins/sqlite/streams.ts'
import { sqliteRuns } from '../../../src/plugins/sqlite/index.ts'
import { createAgent } from './agents.ts'

const say = (type: string, value: Json = null): Promise<void> =>
  new Promise((resolve) => process.send?.({ type, value }, () => resolve()))

const told = async (): Promise<Json> => (await once(process, 'message'))[0] as Json

const orError = async (body: () => unknown): Promise<void> => {
  try {
    await body()
    await say('ok')
  } catch (error) {
    await say('error', errorToJson(error, 'HOOK_FAILED') as unknown as Json)
  }
}

function rootOf(): Parameters<typeof claimRun>[1] {
  return {
    kind: 'agent',
    id: 'run',
    execution: 1,
    name: 'main',
    input: { input: 'go' },
    policy: { effect: 'repeatable' },
  }
}

function infoOf(runId: string): Parameters<typeof claimRun>[2] {
  const controller = new AbortController()
  const cancel = (reason?: string): void => {
    void say('cancelled', reason ?? null)
    controller.abort(new Error('cancelled'))
  }
  const { signal } = controller
  return {
    runId,
    agent: 'main',
    spec: {} as never,
    context: null,
    messages: () => [],
    onWait: 'block',
    signal,
    cancel,
    opened: () => {},
  }
}

const scripts: { readonly [name: string]: (...args: string[]) => Promise<void> } = {
  /** Opens the journals one after the other, each when it is told to. */
  async open(...paths) {
    await say('ready')
    for (const path of paths) {
      await told()
      const journal = new Journal(path)
      await say('opened', journal.strict.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? null)
    }
    process.disconnect()
  },

  /** Tries to write to the journal as somebody who may not. */
  async 'open-unprivileged'(path) {
    if (process.getuid?.() === 0) process.setuid?.(65_534)
    await orError(() => claimRun(new Journal(path as string), rootOf(), infoOf('other'), true))
    process.disconnect()
  },

  /** Takes a run up and keeps it. */
  async hold(path, runId) {
    const journal = new Journal(path as string)
    await orError(() => claimRun(journal, rootOf(), infoOf(runId as string), true))
    await told()
    journal.close()
    process.disconnect()
  },

  /** Runs an agent; what its tools do is said. */
  async agent(path, runId, mode, effects) {
    const agent = createAgent({ path: path as string, effects: effects as string, mode: mode as string, say, told })
    try {
      const result = await agent.run('go', { runId: runId as string, onWait: 'block' })
      await say('result', { status: result.status, text: result.text })
    } catch (error) {
      await say('error', errorToJson(error, 'HOOK_FAILED') as unknown as Json)
    }
    process.disconnect()
  },

  /** Answers a wait when it is told to. */
  async respond(path, runId, waitId, by) {
    const runs = sqliteRuns({ path: path as string })
    const run = runs.get(runId as string)
    await run.status()
    await say('ready')
    await told()
    await orError(() => run.respond(waitId as string, { approved: true, by: by as string }))
    process.disconnect()
  },

  async cancel(path, runId) {
    await orError(() =>
      sqliteRuns({ path: path as string })
        .get(runId as string)
        .cancel('from outside'),
    )
    process.disconnect()
  },

  /** Publishes what it is told to. */
  async publish(path) {
    const journal = new Journal(path as string)
    const sink = streamsOf({ path: path as string, get: () => journal, release: () => {} })
    await say('ready')
    process.on('message', (chunks) => {
      void sink.publish(chunks as never).then(() => say('published'))
    })
  },

  /** Locks the journal for writing. */
  async lock(path) {
    const db = new DatabaseSync(path as string)
    db.exec('BEGIN IMMEDIATE')
    await say('locked')
    await told()
    process.disconnect()
  },
}

// A tool that hangs keeps no process alive by itself; being told something does.
process.on('message', () => {})

const [script, ...args] = process.argv.slice(2)
await scripts[script as string]?.(...args)
