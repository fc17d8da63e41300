/** Steps one after the other, or of many runs at once, recorded in a SQLite file. Each gives milliseconds. */
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { OpenWorkflow } from 'openworkflow'
import { BackendSqlite } from 'openworkflow/sqlite'
import type { JournalAgentOptions } from './agent.ts'
import { dispose, journalAgent, runToEnd } from './agent.ts'

/** The records of a journal, as texts. */
export function recordsOf(path: string): string[] {
  const database = new DatabaseSync(path, { readOnly: true })
  const rows = database.prepare('SELECT record FROM records ORDER BY key').all() as { record: string }[]
  database.close()
  return rows.map(({ record }) => record)
}

/** The same texts, one commit each, with nothing around it. */
export function takeRaw(path: string, records: readonly string[]): number {
  const database = new DatabaseSync(path)
  database.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE records (key INTEGER PRIMARY KEY, record TEXT NOT NULL)',
  )
  const insert = database.prepare('INSERT INTO records (record) VALUES (?)')
  const start = performance.now()
  for (const record of records) insert.run(record)
  const milliseconds = performance.now() - start
  database.close()
  return milliseconds
}

/** Runs after the opening of their journal, so that only steps are timed. */
export async function takeHoldfast(
  path: string,
  turns: number,
  { runs = 1, ...options }: { readonly runs?: number } & Pick<JournalAgentOptions, 'pause' | 'streamed'> = {},
): Promise<number> {
  const first = journalAgent({ path, turns: 1 })
  await runToEnd(first, 'open', 1)
  const agent = journalAgent({ path, turns, ...options })
  const start = performance.now()
  await Promise.all(Array.from({ length: runs }, (_, run) => runToEnd(agent, `run-${run}`, turns)))
  const milliseconds = performance.now() - start
  await dispose(agent)
  await dispose(first)
  return milliseconds
}

const RESULT = 'x'.repeat(900)

/** From the first step that starts to the last that ends: its worker's polling is not counted. */
export async function takeOpenworkflow(
  path: string,
  steps: number,
  pause?: () => Promise<void>,
  runs = 1,
): Promise<number> {
  const backend = BackendSqlite.connect(path)
  const client = new OpenWorkflow({ backend })
  let [start, end, ended] = [0, 0, 0]
  const workflow = client.defineWorkflow({ name: 'bench' }, async ({ step }) => {
    start ||= performance.now()
    for (let i = 0; i < steps; i++) {
      await step.run({ name: `step-${i}` }, async () => {
        await pause?.()
        return RESULT
      })
    }
    end = performance.now()
    ended++
  })
  const worker = client.newWorker({ concurrency: runs })
  for (let run = 0; run < runs; run++) await workflow.run()
  await worker.start()
  while (ended < runs) await sleep(5)
  await worker.stop()
  await backend.stop()
  return end - start
}
