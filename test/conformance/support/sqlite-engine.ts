/** The SQLite plugin as the conformance kit wants it; the command line takes it, too. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sqliteDurabilityPlugin, type SqliteRuns, sqliteRuns } from 'holdfast/sqlite'
import type { EngineUnderTest } from 'holdfast/testing'

export function create(): EngineUnderTest {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-conformance-'))
  const path = join(folder, 'runs.db')
  /** Closed at once: what has the journal open in this process keeps it from seeming dead. */
  const withRuns = async (work: (runs: SqliteRuns) => Promise<void>): Promise<void> => {
    const runs = sqliteRuns({ path })
    try {
      await work(runs)
    } finally {
      await runs.close()
    }
  }
  return {
    start: () => sqliteDurabilityPlugin({ path, durability: 'process' }),
    // A journal that is closed has let go of its runs, as that of a dead process has.
    kill: async (plugin) => plugin.dispose?.(),
    respond: (runId, waitId, answer) => withRuns((runs) => runs.get(runId).respond(waitId, answer)),
    cancel: (runId, reason) => withRuns((runs) => runs.get(runId).cancel(reason)),
    async dispose() {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
