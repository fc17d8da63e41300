/** The journal by itself: records, their order, crashes, group commit, fencing. */
import { copyFileSync, existsSync, mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { finishRun } from '../../../src/plugins/sqlite/claim.ts'
import type { Journal } from '../../../src/plugins/sqlite/journal.ts'
import type { LiveRun } from '../../../src/plugins/sqlite/live-run.ts'
import { closeJournal, errorOf, openJournal, put, stepOf, take, tempDir, tempPath } from './support.ts'

describe('records', () => {
  test('a step that is recorded does not run again, in this process or the next', async () => {
    const path = tempPath()
    const first = openJournal(path)
    const run = take(first, 'r')
    expect(await put(run, '1/model', { text: 'hi' })).toEqual({ output: { text: 'hi' }, ran: true })
    expect(await put(run, '1/model', 'other')).toEqual({ output: { text: 'hi' }, ran: false })
    closeJournal(first)
    expect(await put(take(openJournal(path), 'r'), '1/model', 'other')).toEqual({ output: { text: 'hi' }, ran: false })
  })

  test('errors are recorded too; a rejection is not', async () => {
    const run = take(openJournal(), 'r')
    const error = { code: 'TOOL_FAILED', kind: 'terminal', message: 'no' } as const
    await run.execute(
      stepOf('a', () => ({ of: 'a', error })),
      undefined,
    )
    expect(
      await run.execute(
        stepOf('a', () => ({ of: 'a', output: 1 })),
        undefined,
      ),
    ).toEqual({ of: 'a', error })
    const cancelled = stepOf('b', () => Promise.reject(new Error('cancelled')))
    await expect(run.execute(cancelled, undefined)).rejects.toThrow('cancelled')
    expect(await put(run, 'b', 2)).toEqual({ output: 2, ran: true })
  })

  test('of two records of one step the first counts, and what comes next has a place of its own', async () => {
    const journal = openJournal()
    const run = take(journal, 'r')
    await put(run, 'a', 1)
    await put(run, 'b', 2)
    run.close()
    journal.strict.run("UPDATE records SET id = 'a'")
    const again = take(journal, 'r')
    expect(await put(again, 'a', 9)).toEqual({ output: 1, ran: false })
    expect(await put(again, 'b', 3)).toEqual({ output: 3, ran: true })
    expect(journal.strict.all('SELECT id FROM records ORDER BY key')).toEqual([{ id: 'a' }, { id: 'a' }, { id: 'b' }])
  })

  test('executions of one step are records of their own', async () => {
    const run = take(openJournal(), 'r')
    await put(run, '3/model', 1)
    const second = { ...stepOf('3/model', () => ({ of: 'x', output: 2 })), execution: 2 }
    expect(await run.execute(second, undefined)).toEqual({ of: 'x', output: 2 })
    expect(await put(run, '3/model', 9)).toEqual({ output: 1, ran: false })
  })

  test('random runs, closings and crashes: what was acknowledged is there, and nothing else', async () => {
    const action = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({
          type: fc.constant('put' as const),
          run: fc.nat(2),
          id: fc.nat(9),
          output: fc.json().map((json) => JSON.parse(json)),
        }),
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('reopen' as const) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('crash' as const) }) },
      {
        weight: 2,
        arbitrary: fc.record({
          type: fc.constant('together' as const),
          run: fc.nat(2),
          ids: fc.uniqueArray(fc.nat(9), { maxLength: 5 }),
        }),
      },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 25 }), fc.boolean(), async (actions, strict) => {
        const root = tempDir()
        let generation = 0
        let path = join(root, 'runs.db')
        let journal = openJournal(path)
        const model = new Map<string, string>()
        const runs = new Map<number, ReturnType<typeof take>>()
        const runOf = (no: number) => {
          const run = runs.get(no) ?? take(journal, `r${no}`, { strict })
          runs.set(no, run)
          return run
        }
        const check = async (no: number, id: number, output: unknown) => {
          const key = `${no}/${id}`
          const known = model.get(key)
          const result = await put(runOf(no), `s${id}`, output as never)
          expect(result.ran).toBe(known === undefined)
          expect(JSON.stringify(result.output)).toBe(known ?? JSON.stringify(output))
          model.set(key, JSON.stringify(result.output))
        }
        for (const each of actions) {
          if (each.type === 'put') await check(each.run, each.id, each.output)
          else if (each.type === 'together') await Promise.all(each.ids.map((id) => check(each.run, id, `t${id}`)))
          else {
            if (each.type === 'crash') path = crashCopy(path, join(root, `crash-${generation++}`))
            closeJournal(journal)
            runs.clear()
            journal = openJournal(path)
          }
        }
        for (const key of model.keys()) {
          const [no, id] = key.split('/').map(Number) as [number, number]
          await check(no, id, 'never')
        }
        closeJournal(journal)
      }),
      { numRuns: 40 },
    )
  }, 30_000)

  test('a run grows by what is new: bytes per record are the same at the end as at the start', async () => {
    const journal = openJournal()
    const run = take(journal, 'r', { strict: false })
    const bytesAfter = async (from: number, to: number): Promise<number> => {
      for (let i = from; i < to; i++) await put(run, `${i}/model`, 'x'.repeat(1000))
      journal.strict.get('PRAGMA wal_checkpoint(TRUNCATE)')
      return statSync(journal.path).size
    }
    const start = await bytesAfter(0, 200)
    const middle = await bytesAfter(200, 1000)
    const end = await bytesAfter(1000, 1800)
    expect((end - middle) / 800).toBeLessThan(1.05 * ((middle - start) / 800))
    expect((end - middle) / 800).toBeLessThan(1500)
  })
})

describe('group commit', () => {
  /** Transactions that the strict connection and the loose one opened. */
  function countCommits(journal: Journal): { strict: string[]; loose: string[] } {
    const seen = { strict: [] as string[], loose: [] as string[] }
    for (const name of ['strict', 'loose'] as const) {
      const run = journal[name].run.bind(journal[name])
      vi.spyOn(journal[name], 'run').mockImplementation((sql, ...values) => {
        seen[name].push(sql.split(' ', 2).join(' '))
        return run(sql, ...values)
      })
    }
    return seen
  }

  test('steps that end in one turn share a commit; one alone has its own, without a transaction around it', async () => {
    const journal = openJournal()
    const runs = ['a', 'b', 'c'].map((id) => take(journal, id))
    const seen = countCommits(journal)
    await Promise.all(runs.map((run) => put(run, 's', 1)))
    expect(seen.strict).toEqual(['BEGIN IMMEDIATE', 'INSERT INTO', 'INSERT INTO', 'INSERT INTO', 'COMMIT'])
    seen.strict.length = 0
    await put(runs[0] as never, 't', 1)
    expect(seen.strict).toEqual(['INSERT INTO'])
  })

  test('runs that end in one turn share a commit; one alone is let go of together with its result, or not at all', async () => {
    const journal = openJournal()
    const [a, b, c] = ['a', 'b', 'c'].map((id) => take(journal, id)) as [LiveRun, LiveRun, LiveRun]
    const seen = countCommits(journal)
    journal.working = 1
    await Promise.all([a, b].map((run) => finishRun(run, { status: 'completed' })))
    expect(seen.strict).toEqual([
      'BEGIN IMMEDIATE',
      ...['a', 'b'].flatMap(() => ['UPDATE runs', 'INSERT INTO']),
      'COMMIT',
    ])
    journal.working = 0
    journal.strict.run('INSERT INTO results (no, result) VALUES (?, ?)', c.no, 'in the way')
    expect(await errorOf(() => finishRun(c, { status: 'completed' }))).toMatchObject({ code: 'JOURNAL_UNUSABLE' })
    expect(journal.strict.get('SELECT status FROM runs WHERE no = ?', c.no)).toEqual({ status: 'running' })
  })

  test('a record is committed before its step resolves', async () => {
    const path = tempPath()
    const journal = openJournal(path)
    const runs = Array.from({ length: 20 }, (_, i) => take(journal, `r${i}`))
    const other = openJournal(path)
    await Promise.all(
      runs.map(async (run) => {
        await put(run, 's', 1)
        const found = other.strict.get<{ n: number }>(
          'SELECT count(*) AS n FROM records WHERE key / 16777216 = ?',
          run.no,
        )
        expect(found?.n).toBe(1)
      }),
    )
  })

  test("with durability 'process' a record is loose, and one of a once step strict all the same", async () => {
    const journal = openJournal()
    const run = take(journal, 'r', { strict: false })
    const seen = countCommits(journal)
    await put(run, 's', 1)
    expect(seen).toEqual({ strict: [], loose: ['INSERT INTO'] })
    await put(run, 'started', null, 'once')
    expect(seen).toEqual({ strict: ['INSERT INTO'], loose: ['INSERT INTO'] })
    const sync = (name: 'strict' | 'loose') =>
      journal[name].get<{ synchronous: number }>('PRAGMA synchronous')?.synchronous
    expect([sync('strict'), sync('loose')]).toEqual([2, 1])
  })
})

describe('fencing', () => {
  test('an owner whose run was taken over writes nothing more, and says RUN_LOCKED', async () => {
    const journal = openJournal()
    const run = take(journal, 'r')
    await put(run, 'a', 1)
    journal.strict.run("UPDATE runs SET epoch = epoch + 1, owner = 'another'")
    expect(await errorOf(() => put(run, 'b', 2))).toMatchObject({ code: 'RUN_LOCKED', kind: 'terminal' })
    expect(await errorOf(() => finishRun(run, { status: 'completed' }))).toMatchObject({ code: 'RUN_LOCKED' })
    expect(journal.strict.all('SELECT id FROM records')).toEqual([{ id: 'a' }])
    expect(journal.strict.get('SELECT status, owner FROM runs')).toEqual({ status: 'running', owner: 'another' })
  })

  test('in a group, the others are written', async () => {
    const journal = openJournal()
    const [a, b, c] = ['a', 'b', 'c'].map((id) => take(journal, id)) as [never, never, never]
    journal.strict.run("UPDATE runs SET epoch = epoch + 1 WHERE run_id = 'b'")
    const results = await Promise.allSettled([put(a, 's', 1), put(b, 's', 2), put(c, 's', 3)])
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(journal.strict.all('SELECT record FROM records')).toHaveLength(2)
  })

  test('a run that was deleted and made anew is another: its number is not used twice', async () => {
    const journal = openJournal()
    const old = take(journal, 'r')
    journal.strict.run('DELETE FROM runs')
    old.close()
    const now = take(journal, 'r')
    expect(now.no).not.toBe(old.no)
    expect(await errorOf(() => put(old, 'a', 1))).toMatchObject({ code: 'RUN_LOCKED' })
  })
})

/** The files as a process that ends at once leaves them: the log is not merged into the database. */
function crashCopy(path: string, dir: string): string {
  mkdirSync(dir)
  const copy = join(dir, 'runs.db')
  copyFileSync(path, copy)
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${copy}-wal`)
  return copy
}
