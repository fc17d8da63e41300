/**
 * SQLite, with processes that die: each life has all modules of its own, as another process would, and the lock of the
 * dead one is taken away. What it still does then meets the journal of another owner.
 */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { AgentPlugin } from 'holdfast'
import type { SqliteRuns } from 'holdfast/sqlite'
import { vi } from 'vitest'
import type { BenchMaker } from './engines.ts'
import { INPUT, RUN_ID } from './engines.ts'

interface Modules {
  readonly interpret: typeof import('./interpret.ts')
  readonly sqlite: typeof import('holdfast/sqlite')
}

/** A life after each crash, and the first. */
const LIVES = 4

async function loadModules(): Promise<Modules> {
  vi.resetModules()
  return { interpret: await import('./interpret.ts'), sqlite: await import('holdfast/sqlite') }
}

export interface SqliteBench {
  readonly bench: BenchMaker
  /** Removes its files. */
  close(): void
}

export async function sqliteBench(): Promise<SqliteBench> {
  const lives: Modules[] = []
  for (let life = 0; life < LIVES; life++) lives.push(await loadModules())
  // In memory where there is such a place: it is no power cut that is played here.
  const directory = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'holdfast-fuzz-'))
  const template = join(directory, 'template.db')
  await makeJournal(lives[0] as Modules, template)
  let number = 0
  const bench: BenchMaker = (world) => {
    const name = `${number++}.db`
    const path = join(directory, name)
    copyFileSync(template, path)
    const plugins: AgentPlugin[] = []
    const runs: SqliteRuns[] = []
    let life = 0
    return {
      name: 'sqlite',
      durable: true,
      run(process) {
        process.onDeath = () => {
          life++
          for (const file of readdirSync(directory))
            if (file.startsWith(`${name}.owner-`)) rmSync(join(directory, file))
        }
        const { interpret, sqlite } = lives[life] as Modules
        const plugin = sqlite.sqliteDurabilityPlugin({ path, durability: 'process' })
        plugins.push(plugin)
        const agent = interpret.buildAgent(process, 'both', [plugin])
        return agent.run(INPUT, { runId: RUN_ID, signal: process.signal, context: { tenant: 'fuzz' } })
      },
      async answer(answers) {
        const { sqlite } = lives[life] as Modules
        const own = sqlite.sqliteRuns({ path })
        runs.push(own)
        for (const [id, answer] of Object.entries(answers)) await own.get(RUN_ID).respond(id, answer)
      },
      recorded() {
        const database = new DatabaseSync(path, { readOnly: true })
        const ids = database
          .prepare('SELECT id FROM records')
          .all()
          .map(({ id }) => String(id))
        database.close()
        const known = new Set(ids)
        if (known.size < ids.length)
          world.broken.push(`recorded twice: ${ids.filter((id, at) => ids.indexOf(id) < at)}`)
        return known
      },
      async close() {
        for (const plugin of plugins) await plugin.dispose?.()
        for (const own of runs) await own.close()
        for (const file of readdirSync(directory)) if (file.startsWith(name)) rmSync(join(directory, file))
      },
    }
  }
  return { bench, close: () => rmSync(directory, { recursive: true, force: true }) }
}

/** A journal without a run, to be copied: its tables are made once. */
async function makeJournal({ sqlite }: Modules, path: string): Promise<void> {
  const runs = sqlite.sqliteRuns({ path })
  for await (const run of runs.list()) throw new Error(`nobody started ${run.runId}`)
  await runs.close()
}
