/** The durability plugin: a journal in a file, no server. */
import type { AgentPlugin, RunInfo, RunStatusName } from '../../index.ts'
import { durable, HoldfastError } from '../../index.ts'
import { claimRun, finishRun, leaveRun } from './claim.ts'
import type { Journal } from './journal.ts'
import { useJournal } from './use-journal.ts'
import type { LiveRun } from './live-run.ts'
import { payloadsOf } from './payloads.ts'
import { streamsOf } from './streams.ts'
import { settleWait } from './waits.ts'

export interface SqliteOptions {
  /** The journal's file, on a local disk. It is made at the first run; its directory must be there. */
  readonly path: string
  /**
   * What a finished step survives. `power`: a power cut, at one sync of the disk per step. `process`: the end of the
   * process; a power cut may take the last steps, but never the mark of a tool with `effect: 'once'`. Default `power`.
   */
  readonly durability?: 'power' | 'process'
}

// A symbol that another copy of this module knows too.
const PATH = Symbol.for('holdfast.sqlite.path')

/**
 * Makes an agent durable with a journal in a SQLite file: `agent.use(sqliteDurabilityPlugin({ path: 'runs.db' }))`.
 *
 * Runs reject with `JOURNAL_CORRUPT`, `JOURNAL_UNUSABLE`, `JOURNAL_FULL`, `RUN_LOCKED`, `RUN_PARKED`.
 * @throws `CONFIG_INVALID` for a path that is no file
 */
export function sqliteDurabilityPlugin({ path, durability = 'power' }: SqliteOptions): AgentPlugin {
  const use = useJournal(path)
  const strict = durability === 'power'
  const plugin: AgentPlugin = {
    name: 'sqlite',
    durability: {
      engine: 'sqlite',
      dispatch: 'closure',
      supports: { waits: true, timers: true, cancelRunning: true, streams: true, ownership: true },
      streams: streamsOf(use),
      payloads: payloadsOf(use),
    },
    hooks: durable({
      execute: (step, info) => ({ ...step, run: (context) => liveRun(use.get(), info).execute(step, context) }),
      wait: (step, info) => ({ ...step, run: () => settleWait(liveRun(use.get(), info), step, info) }),
      scope: (step, body, info) =>
        step.kind === 'agent' && step.id === 'run'
          ? runInScope(() => claimRun(use.get(), step, info, strict), body)
          : body(),
    }),
    dispose: async () => use.release(),
  }
  return Object.assign(plugin, { [PATH]: use.path })
}

/** The journal of an agent's SQLite plugin. */
export function journalPathOf(plugins: readonly AgentPlugin[]): string | undefined {
  for (const plugin of plugins) {
    const path = (plugin as { readonly [PATH]?: string })[PATH]
    if (path !== undefined) return path
  }
  return undefined
}

async function runInScope<T>(claim: () => ReturnType<typeof claimRun>, body: () => Promise<T>): Promise<T> {
  const claimed = claim()
  if ('result' in claimed) return claimed.result as T
  const { run } = claimed
  try {
    const result = await body()
    await finishRun(run, result as { readonly status: RunStatusName })
    return result
  } catch (error) {
    try {
      leaveRun(run, error)
    } catch {
      // The journal fails, or is another's: the run stays as it is and is taken up as that of a dead process would be.
    }
    throw error
  } finally {
    run.close()
  }
}

function liveRun(journal: Journal, { runId }: RunInfo): LiveRun {
  const run = journal.live.get(runId)
  if (run) return run
  throw new HoldfastError({
    code: 'NO_ENGINE_CONTEXT',
    message: `run '${runId}' is not open in journal ${journal.path}: a step was run after its run had ended, or its plugin was disposed.`,
    details: { runId },
  })
}
