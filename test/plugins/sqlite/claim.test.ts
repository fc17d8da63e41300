/** Who has a run: claims, locks of the operating system, takeovers, parking; and what becomes of a run that ends. */
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { errorFromJson, HoldfastError } from 'holdfast'
import { describe, expect, test } from 'vitest'
import { claimRun, finishRun, leaveRun } from '../../../src/plugins/sqlite/claim.ts'
import type { Journal } from '../../../src/plugins/sqlite/journal.ts'
import { becomeOwner, isOwnerAlive } from '../../../src/plugins/sqlite/owner.ts'
import { unparkRun } from '../../../src/plugins/sqlite/run-rows.ts'
import { closeJournal, errorOf, infoOf, openJournal, put, rootOf, startChild, take, tempPath } from './support.ts'

const rowOf = (journal: Journal, runId = 'r') =>
  journal.strict.get<Record<string, string | number | null>>('SELECT * FROM runs WHERE run_id = ?', runId) ?? {}

describe('the lock of a process', () => {
  test('is held until it is released', () => {
    const path = tempPath()
    const owner = becomeOwner(path)
    expect(isOwnerAlive(path, owner.id)).toBe(true)
    expect(isOwnerAlive(path, 'nobody')).toBe(false)
    owner.release()
    expect(isOwnerAlive(path, owner.id)).toBe(false)
    expect(readdirSync(dirname(path))).toEqual([])
  })

  test('another process sees it; it is free the moment that its process is killed, and its file is removed', async () => {
    const path = tempPath()
    const child = startChild('hold', path, 'r')
    await child.said('ok')
    const journal = openJournal(path)
    const owner = String(rowOf(journal)['owner'])
    expect(isOwnerAlive(path, owner)).toBe(true)
    expect(await errorOf(() => take(journal, 'r'))).toMatchObject({ code: 'RUN_LOCKED', message: /another process/ })
    expect(rowOf(journal)).toMatchObject({ epoch: 1, owner })
    await child.kill()
    expect(readdirSync(dirname(path)).filter((name) => name.includes(owner))).toHaveLength(1)
    expect(take(journal, 'r').epoch).toBe(2)
    expect(readdirSync(dirname(path)).filter((name) => name.includes(owner))).toEqual([])
  }, 20_000)

  test('a new process removes the files of the dead, and not those of the living', async () => {
    const path = tempPath()
    const [dead, alive] = [startChild('hold', path, 'a'), startChild('hold', path, 'b')]
    await dead.said('ok')
    await alive.said('ok')
    await dead.kill()
    const owner = becomeOwner(path)
    expect(readdirSync(dirname(path)).filter((name) => name.includes('.owner-'))).toHaveLength(2)
    expect(isOwnerAlive(path, owner.id)).toBe(true)
    owner.release()
  }, 20_000)

  test('a process that ends in peace leaves nothing behind', async () => {
    const path = tempPath()
    const child = startChild('hold', path, 'r')
    await child.said('ok')
    child.tell('go')
    await child.exited
    expect(readdirSync(dirname(path))).toEqual(['runs.db'])
  }, 20_000)
})

describe('claims', () => {
  test('a run that this process runs is locked, whoever asks', async () => {
    const journal = openJournal()
    const run = take(journal, 'r')
    expect(await errorOf(() => take(journal, 'r'))).toMatchObject({ code: 'RUN_LOCKED', message: /in this process/ })
    expect(rowOf(journal)['epoch']).toBe(1)
    run.close()
    expect(take(journal, 'r').epoch).toBe(2)
  })

  test('another input, or another agent, is a conflict, and touches nothing', async () => {
    const journal = openJournal()
    take(journal, 'r').close()
    const before = rowOf(journal)
    expect(await errorOf(() => take(journal, 'r', { input: 'other' }))).toMatchObject({ code: 'RUN_CONFLICT' })
    const other = { ...rootOf(), name: 'other' }
    expect(await errorOf(() => claimRun(journal, other, infoOf('r'), true))).toMatchObject({ code: 'RUN_CONFLICT' })
    expect(rowOf(journal)).toEqual(before)
  })

  test('an ended run gives its result and is not run, but for another input it is a conflict all the same', async () => {
    const journal = openJournal()
    const run = take(journal, 'r')
    await finishRun(run, { status: 'completed', text: 'done' } as never)
    run.close()
    expect(claimRun(journal, rootOf(), infoOf('r'), true)).toEqual({ result: { status: 'completed', text: 'done' } })
    expect(await errorOf(() => take(journal, 'r', { input: 'other' }))).toMatchObject({ code: 'RUN_CONFLICT' })
  })

  test('a cancel that came while nobody had it is delivered at once', () => {
    const journal = openJournal()
    take(journal, 'r').close()
    journal.strict.run(`UPDATE runs SET cancel = '{"reason":"stop"}'`)
    const info = infoOf('r')
    take(journal, 'r', { info })
    expect(info.reasons).toEqual(['stop'])
  })

  test('a cancel that can not be read leaves the run with nobody', async () => {
    const journal = openJournal()
    take(journal, 'r').close()
    journal.strict.run("UPDATE runs SET owner = NULL, cancel = '{'")
    const before = rowOf(journal)
    for (let i = 0; i < 2; i++)
      expect(await errorOf(() => take(journal, 'r'))).toMatchObject({ code: 'JOURNAL_CORRUPT' })
    expect(rowOf(journal)).toEqual(before)
    expect(journal.live.size).toBe(0)
  })

  test('a cancel that can not be read does not stop those of other runs', () => {
    const journal = openJournal()
    const infos = ['a', 'b', 'c'].map((runId) => infoOf(runId))
    for (const info of infos) take(journal, info.runId, { info })
    journal.strict.run(`UPDATE runs SET cancel = CASE run_id WHEN 'b' THEN '{' ELSE '{"reason":"stop"}' END`)
    journal.changes.notify()
    expect(infos.map(({ reasons }) => reasons)).toEqual([['stop'], [], ['stop']])
  })
})

describe('what a run is left with', () => {
  const leave = (error: unknown) => {
    const journal = openJournal()
    const run = take(journal, 'r')
    leaveRun(run, error)
    run.close()
    const { status, owner, error: json } = rowOf(journal)
    expect(owner).toBe(null)
    return { journal, status, error: json === null ? null : JSON.parse(String(json)) }
  }
  const own = (code: string, kind = 'terminal', details = {}) =>
    errorFromJson({ code, kind, message: 'x', details } as never)

  test.each(['DIVERGED', 'TOOL_UNKNOWN', 'MODEL_UNKNOWN', 'TASK_UNKNOWN', 'JOURNAL_FULL', 'JOURNAL_CORRUPT'])(
    '%s blocks it: it can be taken up after a fix',
    (code) => {
      const { journal, status, error } = leave(own(code))
      expect({ status, error }).toMatchObject({ status: 'blocked', error: { code } })
      expect(take(journal, 'r').epoch).toBe(2)
      expect(rowOf(journal)).toMatchObject({ status: 'running', error: null })
    },
  )

  test('a retryable failure of the engine blocks it; one of a step is recorded, and final', () => {
    expect(leave(own('ENGINE_UNAVAILABLE', 'retryable')).status).toBe('blocked')
    expect(leave(own('MODEL_FAILED', 'retryable')).status).toBe('failed')
  })

  test.each([own('HOOK_FAILED'), own('STEP_NOT_RECORDED'), new Error('plain')])(
    '%s is final, and is what a later call gets',
    async (error) => {
      const { journal, status } = leave(error)
      expect(status).toBe('failed')
      expect(await errorOf(() => take(journal, 'r'))).toMatchObject({
        code: (error as HoldfastError).code ?? 'HOOK_FAILED',
      })
    },
  )

  test('a suspension lets it wait', () => {
    expect(leave(own('SUSPENDED', 'suspended'))).toMatchObject({ status: 'waiting', error: null })
  })

  test('a cancel before there was anything to cancel', async () => {
    const { journal, status } = leave(own('CANCELLED'))
    expect(status).toBe('cancelled')
    expect(await errorOf(() => take(journal, 'r'))).toMatchObject({ code: 'CANCELLED' })
  })

  test('its own RUN_CONFLICT gives it back as it was; that of another run is an error like any', () => {
    expect(leave(own('RUN_CONFLICT', 'terminal', { runId: 'r' })).status).toBe('running')
    expect(leave(own('RUN_CONFLICT', 'terminal', { runId: 'nested' })).status).toBe('failed')
    expect(leave(own('RUN_LOCKED', 'terminal', { runId: 'nested' })).status).toBe('blocked')
  })
})

describe('parking', () => {
  /** The run's process dies; another takes it up. */
  const dieAndTake = (path: string) => {
    const journal = openJournal(path)
    try {
      return { journal, run: take(journal, 'r') }
    } finally {
      // Dying: the lock is gone, the row says what it said.
      journal.strict.run("UPDATE runs SET owner = 'dead' WHERE owner IS NOT NULL")
      closeJournal(journal)
    }
  }

  test('taken up three times without getting further, a run is parked, until it is unparked', async () => {
    const path = tempPath()
    for (let i = 0; i < 4; i++) dieAndTake(path)
    expect(await errorOf(() => dieAndTake(path))).toMatchObject({
      code: 'RUN_PARKED',
      message: /3 times.*unpark\(runId\)/,
    })
    const journal = openJournal(path)
    expect(rowOf(journal)).toMatchObject({ status: 'parked', owner: null })
    expect(await errorOf(() => take(journal, 'r'))).toMatchObject({ code: 'RUN_PARKED' })
    unparkRun(journal, 'r')
    expect(rowOf(journal)).toMatchObject({ status: 'running', takeovers: 0, error: null })
    expect(await put(take(journal, 'r'), 'a', 1)).toMatchObject({ ran: true })
  })

  test('each record starts the count anew', async () => {
    const path = tempPath()
    for (let i = 0; i < 8; i++) {
      const journal = openJournal(path)
      const run = take(journal, 'r')
      if (i % 3 === 2) await put(run, `s${i}`, i)
      journal.strict.run("UPDATE runs SET owner = 'dead'")
      closeJournal(journal)
    }
    expect(openJournal(path).strict.get('SELECT status, takeovers FROM runs')).toEqual({
      status: 'running',
      takeovers: 2,
    })
  })

  test('a run that was let go of does not count', () => {
    const journal = openJournal()
    for (let i = 0; i < 10; i++) {
      const run = take(journal, 'r')
      leaveRun(run, new HoldfastError({ code: 'SUSPENDED', kind: 'suspended', message: 'waits' }))
      run.close()
    }
    expect(rowOf(journal)).toMatchObject({ status: 'waiting', takeovers: 0, epoch: 10 })
  })
})
