/** Room in the log: commits don't make the file longer, and nothing but the file's length tells of it. */
import { copyFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { Journal } from '../../../src/plugins/sqlite/journal.ts'
import { openJournal, put, take, tempDir, tempPath } from './support.ts'

const sizeOfLog = (journal: Journal): number => statSync(`${journal.path}-wal`).size

async function record(run: ReturnType<typeof take>, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await put(run, `${i}/model`, 'x'.repeat(1000))
}

test('most commits do not make the log longer', async () => {
  const journal = openJournal()
  const run = take(journal, 'r')
  let grown = 0
  for (let i = 0; i < 200; i++) {
    const before = sizeOfLog(journal)
    await record(run, i, i + 1)
    if (sizeOfLog(journal) > before) grown++
  }
  expect(grown).toBeLessThan(60)
})

test('a log that has been checkpointed is written from its start again: no more room is made', async () => {
  const journal = openJournal()
  const run = take(journal, 'r')
  await record(run, 0, 100)
  journal.strict.get('PRAGMA wal_checkpoint(RESTART)')
  const size = sizeOfLog(journal)
  await record(run, 100, 150)
  expect(sizeOfLog(journal)).toBe(size)
})

test('where nothing is synced, no room is made', async () => {
  const journal = openJournal()
  const run = take(journal, 'r', { strict: false })
  await record(run, 0, 12)
  // A header of 32 bytes, and frames of a page each.
  const frames = (sizeOfLog(journal) - 32) / 4120
  expect(journal.loose.get<{ log: number }>('PRAGMA wal_checkpoint')?.log).toBe(frames)
})

test('nothing of it is in the database, and what is recorded is whole in the files that a crash leaves', async () => {
  const journal = openJournal()
  const run = take(journal, 'r')
  const before = journal.strict.get<{ page_count: number }>('PRAGMA page_count')?.page_count as number
  // Room has been made for the first time at the 8th commit.
  await record(run, 0, 10)
  const copy = join(tempDir(), 'runs.db')
  copyFileSync(journal.path, copy)
  copyFileSync(`${journal.path}-wal`, `${copy}-wal`)
  for (const path of [journal.path, copy]) {
    const database = new DatabaseSync(path)
    expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' })
    expect(database.prepare('SELECT count(*) AS n FROM records').get()).toEqual({ n: 10 })
    expect(database.prepare('SELECT count(*) AS n FROM payloads').get()).toEqual({ n: 0 })
    const { page_count: pages } = database.prepare('PRAGMA page_count').get() as { page_count: number }
    expect(pages - before).toBeLessThan(10)
    database.close()
  }
})

test('where another has the lock, or the disk is full, the commits go on without it', async () => {
  const path = tempPath()
  const journal = openJournal(path)
  const run = take(journal, 'r')
  journal.loose.exec('PRAGMA busy_timeout = 0')
  const other = openJournal(path)
  const { undone } = journal.loose
  journal.loose.undone = (body) => {
    other.strict.run('BEGIN IMMEDIATE')
    try {
      undone.call(journal.loose, body)
    } finally {
      other.strict.run('ROLLBACK')
    }
  }
  await record(run, 0, 10)
  expect(journal.loose.get('PRAGMA cache_size')).toEqual({ cache_size: -2000 })
  journal.loose.undone = undone
  const { page_count: pages } = journal.loose.get<{ page_count: number }>('PRAGMA page_count') as { page_count: number }
  journal.loose.exec(`PRAGMA max_page_count = ${pages + 1}`)
  await record(run, 10, 20)
  expect(journal.strict.get('SELECT count(*) AS n FROM records')).toEqual({ n: 20 })
  expect(journal.loose.get('PRAGMA integrity_check')).toEqual({ integrity_check: 'ok' })
})
