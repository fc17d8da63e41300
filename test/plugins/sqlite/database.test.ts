/** What is no journal, or can't be written, is refused with what to do, and not a byte of it is changed. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { finishRun } from '../../../src/plugins/sqlite/claim.ts'
import { openDatabase } from '../../../src/plugins/sqlite/database.ts'
import { sqliteRuns } from '../../../src/plugins/sqlite/index.ts'
import { realPath, useJournal } from '../../../src/plugins/sqlite/use-journal.ts'
import { MIGRATIONS } from '../../../src/plugins/sqlite/schema.ts'
import { streamsOf } from '../../../src/plugins/sqlite/streams.ts'
import { settleWait } from '../../../src/plugins/sqlite/waits.ts'
import {
  approval,
  closeJournal,
  errorOf,
  infoOf,
  openJournal,
  put,
  startChild,
  take,
  tempDir,
  tempPath,
  waitOf,
} from './support.ts'

describe('files that are no journal', () => {
  test('a file that is no database', async () => {
    const path = tempPath()
    writeFileSync(path, 'dear diary, '.repeat(500))
    const before = readFileSync(path)
    expect(await errorOf(() => openDatabase(path))).toMatchObject({
      code: 'JOURNAL_CORRUPT',
      kind: 'terminal',
      message: /not a database/,
    })
    expect(readFileSync(path)).toEqual(before)
  })

  test('the database of another application', async () => {
    const path = tempPath()
    const db = new DatabaseSync(path)
    db.exec('CREATE TABLE customers (name TEXT)')
    db.close()
    const before = readFileSync(path)
    expect(await errorOf(() => openDatabase(path))).toMatchObject({
      code: 'JOURNAL_UNUSABLE',
      message: /another application/,
    })
    expect(readFileSync(path)).toEqual(before)
  })

  test('a newer schema', async () => {
    const path = tempPath()
    openDatabase(path, [...MIGRATIONS, 'CREATE TABLE future (x)']).close()
    const before = readFileSync(path)
    expect(await errorOf(() => openDatabase(path))).toMatchObject({
      code: 'JOURNAL_UNUSABLE',
      message: /version 2.*newer holdfast.*knows 1.*deploy/,
    })
    expect(readFileSync(path)).toEqual(before)
  })

  test('a directory, and one that is not there', async () => {
    const dir = tempDir()
    expect(await errorOf(() => openDatabase(dir))).toMatchObject({ code: 'JOURNAL_UNUSABLE' })
    expect(await errorOf(() => useJournal(join(dir, 'no', 'runs.db')).get())).toMatchObject({
      code: 'JOURNAL_UNUSABLE',
      message: /does not exist; make it/,
    })
  })

  test.each(['', ':memory:', 'file:runs.db'])('%j is no path of a file', async (path) => {
    expect(await errorOf(() => useJournal(path))).toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('read-only', () => {
  test('a read-only file, and one in a read-only directory', async () => {
    const dir = tempDir()
    const path = join(dir, 'runs.db')
    const journal = openJournal(path)
    await put(take(journal, 'r'), 'a', 1)
    closeJournal(journal)
    for (const [target, mode, back] of [
      [path, 0o444, 0o644],
      [dir, 0o555, 0o755],
    ] as const) {
      chmodSync(target, mode)
      const child = startChild('open-unprivileged', path)
      expect(await child.said('error')).toMatchObject({
        code: 'JOURNAL_UNUSABLE',
        kind: 'terminal',
        message: expect.stringContaining('writable'),
      })
      await child.exited
      chmodSync(target, back)
    }
    expect(await put(take(openJournal(path), 'r'), 'a', 2)).toEqual({ output: 1, ran: false })
  }, 20_000)
})

describe('a full disk', () => {
  test('the step is not recorded, the error is retryable, and with room it goes on', async () => {
    const path = tempPath()
    const journal = openJournal(path)
    const run = take(journal, 'r')
    await put(run, 'a', 1)
    const { page_count: pages } = journal.strict.get<{ page_count: number }>('PRAGMA page_count') as {
      page_count: number
    }
    journal.strict.get(`PRAGMA max_page_count = ${pages}`)
    const error = await errorOf(() => put(run, 'b', 'x'.repeat(100_000)))
    expect(error).toMatchObject({ code: 'JOURNAL_FULL', kind: 'retryable', message: /make room/ })
    journal.strict.get('PRAGMA max_page_count = 1000000')
    expect(await put(run, 'b', 2)).toEqual({ output: 2, ran: true })
    closeJournal(journal)
    const again = take(openJournal(path), 'r')
    expect(await put(again, 'a', 9)).toEqual({ output: 1, ran: false })
    expect(await put(again, 'b', 9)).toEqual({ output: 2, ran: false })
  })

  test('in a group, none of it is recorded', async () => {
    const journal = openJournal()
    const runs = ['a', 'b'].map((id) => take(journal, id))
    const { page_count: pages } = journal.strict.get<{ page_count: number }>('PRAGMA page_count') as {
      page_count: number
    }
    journal.strict.get(`PRAGMA max_page_count = ${pages}`)
    const results = await Promise.allSettled(runs.map((run) => put(run, 's', 'x'.repeat(100_000))))
    expect(results).toMatchObject([{ reason: { code: 'JOURNAL_FULL' } }, { reason: { code: 'JOURNAL_FULL' } }])
    expect(journal.strict.all('SELECT * FROM records')).toEqual([])
  })

  const isLinuxRoot = process.platform === 'linux' && process.getuid?.() === 0

  test.runIf(isLinuxRoot && canMount())('a file system of one megabyte', async () => {
    const dir = tempDir()
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir])
    onTestFinished(() => {
      execFileSync('umount', [dir])
    })
    const journal = openJournal(join(dir, 'runs.db'))
    const run = take(journal, 'r')
    let recorded = 0
    const fill = async (): Promise<void> => {
      for (; ; recorded++) await put(run, `s${recorded}`, 'x'.repeat(10_000))
    }
    expect(await errorOf(fill)).toMatchObject({ code: 'JOURNAL_FULL', kind: 'retryable' })
    expect(recorded).toBeGreaterThan(5)
    run.close()
    execFileSync('mount', ['-o', 'remount,size=8m', dir])
    const again = take(journal, 'r')
    for (let i = 0; i < recorded; i++) expect((await put(again, `s${i}`, 'lost')).ran).toBe(false)
    expect((await put(again, `s${recorded}`, 'now')).ran).toBe(true)
    closeJournal(journal)
  })
})

test('locked by another process for too long: retryable, and the run goes on when it is free', async () => {
  const path = tempPath()
  const journal = openJournal(path)
  const run = take(journal, 'r')
  const child = startChild('lock', path)
  await child.said('locked')
  journal.strict.exec('PRAGMA busy_timeout = 20')
  expect(await errorOf(() => put(run, 'a', 1))).toMatchObject({ code: 'ENGINE_UNAVAILABLE', kind: 'retryable' })
  await child.kill()
  expect((await put(run, 'a', 1)).ran).toBe(true)
}, 20_000)

describe('damage', () => {
  test('a damaged page is named; runs that lie elsewhere go on', async () => {
    const path = tempPath()
    const journal = openJournal(path)
    for (const id of ['a', 'b']) {
      const run = take(journal, id)
      for (let i = 0; i < 40; i++) await put(run, `s${i}`, `${id}`.repeat(500))
      run.close()
    }
    closeJournal(journal)
    const bytes = readFileSync(path)
    const pages = Array.from({ length: bytes.length / 4096 }, (_, page) =>
      bytes.subarray(page * 4096, (page + 1) * 4096),
    )
    // A leaf (13) of the table that has records of the one run alone.
    const isOfA = (page: Buffer): boolean =>
      page[0] === 13 && page.includes('a'.repeat(400)) && !page.includes('b'.repeat(400))
    const at = 4096 * pages.findIndex(isOfA)
    const file = openSync(path, 'r+')
    writeSync(file, Buffer.alloc(4096, 0xa5), 0, 4096, at)
    closeSync(file)
    const damaged = openJournal(path)
    expect(await errorOf(() => take(damaged, 'a'))).toMatchObject({
      code: 'JOURNAL_CORRUPT',
      message: /restore a backup/,
    })
    expect(damaged.strict.get("SELECT epoch FROM runs WHERE run_id = 'a'")).toEqual({ epoch: 1 })
    expect(await put(take(damaged, 'b'), 's7', 'x')).toEqual({ output: 'b'.repeat(500), ran: false })
  })

  test('a record that is no JSON is named', async () => {
    const journal = openJournal()
    const run = take(journal, 'r')
    await put(run, 'a', 1)
    run.close()
    journal.strict.run("UPDATE records SET record = '{'")
    expect(await errorOf(() => put(take(journal, 'r'), 'a', 2))).toMatchObject({
      code: 'JOURNAL_CORRUPT',
      message: /step a of run 'r'/,
    })
  })

  test('so are a result that is none or is missing, an input, a wait, and what a step said', async () => {
    const path = tempPath()
    const journal = openJournal(path)
    const use = useJournal(path)
    const runs = sqliteRuns({ path })
    onTestFinished(async () => {
      use.release()
      await runs.close()
    })
    const run = take(journal, 'r')
    const named = (what: RegExp): object => ({ code: 'JOURNAL_CORRUPT', message: what })
    await settleWait(run, waitOf('w', approval), infoOf('r', 'return')).catch(() => {})
    journal.strict.run("UPDATE waits SET input = json_quote('x') || '{'")
    expect(await errorOf(() => runs.get('r').status())).toMatchObject(named(/wait w/))
    expect(await errorOf(() => runs.get('r').respond('w', { approved: true }))).toMatchObject(named(/wait w/))
    await finishRun(run, { status: 'completed' })
    run.close()
    journal.strict.run("UPDATE results SET result = '{'")
    expect(await errorOf(() => runs.get('r').result())).toMatchObject(named(/the result of run 'r'/))
    journal.strict.run('DELETE FROM results')
    expect(await errorOf(() => runs.get('r').result())).toMatchObject(named(/the result of run 'r' is missing/))
    expect(await errorOf(() => take(journal, 'r'))).toMatchObject(named(/the result of run 'r' is missing/))
    await streamsOf(use).publish([{ runId: 'r', stepId: '1/model', nonce: 'n', offset: 0, type: 'start' }])
    use.get().chunks.flush()
    journal.strict.run("UPDATE chunks SET bodies = '{'")
    const read = async (): Promise<void> => {
      for await (const _ of runs.get('r').events());
    }
    expect(await errorOf(read)).toMatchObject(named(/what step 1\/model of run 'r' said/))
  })
})

describe('migrations', () => {
  const OLD = ['CREATE TABLE runs (run_id TEXT) STRICT']
  const NEW = [
    ...OLD,
    "ALTER TABLE runs ADD COLUMN agent TEXT NOT NULL DEFAULT 'main'",
    'CREATE INDEX runs_agent ON runs (agent)',
  ]

  test('an older journal is brought up to date, and keeps what it has', () => {
    const path = tempPath()
    const old = openDatabase(path, OLD)
    old.run("INSERT INTO runs VALUES ('r')")
    old.close()
    for (let i = 0; i < 2; i++) {
      const now = openDatabase(path, NEW)
      expect(now.get('SELECT * FROM runs')).toEqual({ run_id: 'r', agent: 'main' })
      expect(now.get('PRAGMA user_version')).toEqual({ user_version: 3 })
      now.close()
    }
  })

  test('one that fails leaves the journal as it was', async () => {
    const path = tempPath()
    openDatabase(path, OLD).close()
    const broken = [...OLD, 'CREATE TABLE more (x)', 'CREATE TABLE runs (again)']
    expect(await errorOf(() => openDatabase(path, broken))).toMatchObject({ code: 'JOURNAL_UNUSABLE' })
    const old = openDatabase(path, OLD)
    expect(old.all("SELECT name FROM sqlite_schema WHERE name = 'more'")).toEqual([])
    old.close()
  })

  test('processes that open a new journal at once make it once', async () => {
    // Many: what one does in the midst of what another does is a matter of luck.
    const paths = Array.from({ length: 40 }, tempPath)
    const children = Array.from({ length: 4 }, () => startChild('open', ...paths))
    for (const child of children) await child.said('ready')
    for (const _ of paths) {
      for (const child of children) child.tell('go')
      for (const child of children) expect(await child.said('opened')).toBe(MIGRATIONS.length)
    }
  }, 30_000)
})

test('two names of one file are one journal', async () => {
  const dir = tempDir()
  mkdirSync(join(dir, 'real'))
  symlinkSync(join(dir, 'real'), join(dir, 'link'))
  const [a, b] = [useJournal(join(dir, 'real', 'runs.db')), useJournal(join(dir, 'link', 'runs.db'))]
  expect(a.get()).toBe(b.get())
  expect(realPath(join(dir, 'link', 'runs.db'))).toBe(a.get().path)
  a.release()
  a.release()
  expect(b.get().strict.get('SELECT count(*) AS n FROM runs')).toEqual({ n: 0 })
  const { path } = b.get()
  b.release()
  expect(existsSync(`${path}-wal`)).toBe(false)
  expect(statSync(path).size).toBeGreaterThan(0)
})

function canMount(): boolean {
  try {
    const dir = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim()
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir], { stdio: 'ignore' })
      execFileSync('umount', [dir])
      return true
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  } catch {
    return false
  }
}
