/** Waits of one run: opened, answered, timed out, cancelled; whoever writes first. */
import type { RunInfo, Step, WaitInput, WaitOutput } from 'holdfast'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { LiveRun } from '../../../src/plugins/sqlite/live-run.ts'
import { answerWait, settleWait as settle } from '../../../src/plugins/sqlite/waits.ts'
import { approval, closeJournal, errorOf, infoOf, openJournal, startChild, take, tempPath, waitOf } from './support.ts'

const timer = (duration: number): WaitInput => ({ type: 'timer', of: 'x', duration })

const settleWait = (run: LiveRun, step: Step<'wait'>, onWait: RunInfo['onWait']): Promise<WaitOutput> =>
  settle(run, step, infoOf(run.runId, onWait))

describe('a person', () => {
  test('with onWait return, the run is left as soon as the wait is recorded; answered, it goes on', async () => {
    const path = tempPath()
    const journal = openJournal(path)
    const run = take(journal, 'r')
    const wait = waitOf('w', approval)
    expect(await errorOf(() => settleWait(run, wait, 'return'))).toMatchObject({ code: 'SUSPENDED', kind: 'suspended' })
    expect(journal.strict.get('SELECT id, answer FROM waits')).toEqual({ id: 'w', answer: null })
    answerWait(journal, run.no, 'w', { approved: true, by: 'ada' })
    expect(await settleWait(run, wait, 'return')).toEqual({ answer: { approved: true, by: 'ada' } })
    closeJournal(journal)
    expect(await settleWait(take(openJournal(path), 'r'), wait, 'return')).toEqual({
      answer: { approved: true, by: 'ada' },
    })
  })

  test('with onWait block, an answer from this process comes at once', async () => {
    const journal = openJournal()
    const run = take(journal, 'r')
    const waiting = settleWait(run, waitOf('w', approval), 'block')
    await vi.waitFor(() => expect(run.blockedBy).toBe(1), { interval: 1 })
    answerWait(journal, run.no, 'w', { approved: false, reason: 'no' })
    expect(await waiting).toEqual({ answer: { approved: false, reason: 'no' } })
    expect(run.blockedBy).toBe(0)
  })

  test('an answer from another process', async () => {
    const path = tempPath()
    const journal = openJournal(path)
    const run = take(journal, 'r')
    const waiting = settleWait(run, waitOf('w', approval), 'block')
    const child = startChild('respond', path, 'r', 'w', 'eve')
    await child.said('ready')
    child.tell('go')
    expect(await waiting).toEqual({ answer: { approved: true, by: 'eve' } })
  }, 20_000)

  test('two processes answer at once: one wins, the other is told so', async () => {
    const path = tempPath()
    const journal = openJournal(path)
    const run = take(journal, 'r')
    for (const round of [1, 2, 3]) {
      const id = `w${round}`
      await errorOf(() => settleWait(run, waitOf(id, approval), 'return'))
      const children = ['a', 'b'].map((by) => startChild('respond', path, 'r', id, by))
      for (const child of children) await child.said('ready')
      for (const child of children) child.tell('go')
      const said = await Promise.all(
        children.map((child) =>
          Promise.race([
            child.said('ok').then(() => 'ok'),
            child.said<{ code: string }>('error').then(({ code }) => code),
          ]),
        ),
      )
      expect(said.sort()).toEqual(['WAIT_ANSWERED', 'ok'])
      const [answer, again] = [
        await settleWait(run, waitOf(id, approval), 'return'),
        await settleWait(run, waitOf(id, approval), 'return'),
      ]
      expect(answer).toMatchObject({ answer: { approved: true } })
      expect(again).toEqual(answer)
    }
  }, 40_000)

  test('refused: what was not asked, what is answered, what does not fit', async () => {
    const journal = openJournal()
    const run = take(journal, 'r')
    await errorOf(() => settleWait(run, waitOf('w', approval), 'return'))
    expect(await errorOf(() => answerWait(journal, run.no, 'v', { approved: true }))).toMatchObject({
      code: 'WAIT_NOT_FOUND',
    })
    expect(await errorOf(() => answerWait(journal, run.no, 'w', 'yes'))).toMatchObject({ code: 'ANSWER_INVALID' })
    expect(journal.strict.get('SELECT answer FROM waits')).toEqual({ answer: null })
    answerWait(journal, run.no, 'w', { approved: true })
    expect(await errorOf(() => answerWait(journal, run.no, 'w', { approved: false }))).toMatchObject({
      code: 'WAIT_ANSWERED',
    })
    expect(await settleWait(run, waitOf('w', approval), 'return')).toEqual({ answer: { approved: true } })
  })

  test('all waits of a batch are opened with one commit', async () => {
    const journal = openJournal()
    const run = take(journal, 'r')
    const statements: string[] = []
    const real = journal.strict.run.bind(journal.strict)
    vi.spyOn(journal.strict, 'run').mockImplementation((sql, ...values) => {
      statements.push(sql.split(' ', 1)[0] as string)
      return real(sql, ...values)
    })
    await Promise.allSettled(['a', 'b', 'c'].map((id) => settleWait(run, waitOf(id, approval), 'return')))
    expect(statements).toEqual(['BEGIN', 'INSERT', 'INSERT', 'INSERT', 'COMMIT'])
  })

  test('a wait that is asked otherwise than it was opened has diverged', async () => {
    const run = take(openJournal(), 'r')
    await errorOf(() => settleWait(run, waitOf('w', approval), 'return'))
    const other = waitOf('w', { ...approval, of: 'y' } as WaitInput)
    expect(await errorOf(() => settleWait(run, other, 'return'))).toMatchObject({
      code: 'DIVERGED',
      details: { step: 'w', recorded: expect.any(String), now: expect.any(String) },
    })
  })

  test('a cancel ends it', async () => {
    const info = infoOf('r')
    const run = take(openJournal(), 'r', { info })
    const waiting = settleWait(run, waitOf('w', approval), 'block')
    await vi.waitFor(() => expect(run.blockedBy).toBe(1), { interval: 1 })
    info.cancel('enough')
    await expect(waiting).rejects.toThrow('cancelled: enough')
  })
})

describe('time', () => {
  /** The clock stands still; timers are real. */
  function clock(): { now: number } {
    const state = { now: 1_000_000 }
    vi.spyOn(Date, 'now').mockImplementation(() => state.now)
    onTestFinished(() => {
      vi.restoreAllMocks()
    })
    return state
  }

  test('a timer blocks until its time, in both modes', async () => {
    const run = take(openJournal(), 'r')
    const started = performance.now()
    expect(await settleWait(run, waitOf('t', timer(30)), 'return')).toEqual({ timedOut: true })
    expect(performance.now() - started).toBeGreaterThan(25)
  })

  test('when it is due is fixed when it was opened first', async () => {
    const at = clock()
    const path = tempPath()
    const journal = openJournal(path)
    const info = infoOf('r')
    const waiting = settleWait(take(journal, 'r', { info }), waitOf('t', timer(60_000)), 'block')
    await vi.waitFor(() => expect(journal.strict.get('SELECT due_at FROM waits')).toEqual({ due_at: 1_060_000 }), {
      interval: 1,
    })
    info.cancel()
    await expect(waiting).rejects.toThrow()
    closeJournal(journal)
    at.now += 60_000
    expect(await settleWait(take(openJournal(path), 'r'), waitOf('t', timer(60_000)), 'block')).toEqual({
      timedOut: true,
    })
  })

  test('a timer longer than a timer of Node can be', async () => {
    const journal = openJournal()
    const info = infoOf('r')
    const set = vi.spyOn(globalThis, 'setTimeout')
    const waiting = settleWait(take(journal, 'r', { info }), waitOf('t', timer(2 ** 40)), 'block')
    await vi.waitFor(() => expect(set.mock.calls.some(([, time]) => time === 2 ** 31 - 1)).toBe(true), { interval: 1 })
    info.cancel()
    await expect(waiting).rejects.toThrow()
    set.mockRestore()
  })

  test('an approval that nobody answers in time is timed out, and stays so', async () => {
    const at = clock()
    const journal = openJournal()
    const run = take(journal, 'r')
    const wait = waitOf('w', approval, 5_000)
    expect(await errorOf(() => settleWait(run, wait, 'return'))).toMatchObject({ code: 'SUSPENDED' })
    at.now += 5_000
    expect(await settleWait(run, wait, 'return')).toEqual({ timedOut: true })
    expect(await errorOf(() => answerWait(journal, run.no, 'w', { approved: true }))).toMatchObject({
      code: 'WAIT_ANSWERED',
    })
    at.now -= 5_000
    expect(await settleWait(run, wait, 'return')).toEqual({ timedOut: true })
  })

  test('an answer after the time is refused, though nobody had noticed yet that it was over', async () => {
    const at = clock()
    const journal = openJournal()
    const run = take(journal, 'r')
    await errorOf(() => settleWait(run, waitOf('w', approval, 5_000), 'return'))
    at.now += 5_001
    expect(await errorOf(() => answerWait(journal, run.no, 'w', { approved: true }))).toMatchObject({
      code: 'WAIT_ANSWERED',
    })
    expect(await settleWait(run, waitOf('w', approval, 5_000), 'return')).toEqual({ timedOut: true })
  })

  test('an answer that comes in the very last moment, from another process, counts', async () => {
    const at = clock()
    const path = tempPath()
    const journal = openJournal(path)
    const other = openJournal(path)
    const run = take(journal, 'r')
    await errorOf(() => settleWait(run, waitOf('w', approval, 5_000), 'return'))
    const write = journal.strict.run.bind(journal.strict)
    vi.spyOn(journal.strict, 'run').mockImplementation((sql, ...values) => {
      at.now = 1_000_000
      if (sql.startsWith('UPDATE waits')) answerWait(other, run.no, 'w', { approved: true })
      return write(sql, ...values)
    })
    at.now += 5_000
    expect(await settleWait(run, waitOf('w', approval, 5_000), 'return')).toEqual({ answer: { approved: true } })
  })

  test('an answer in time counts, though it is looked at late', async () => {
    const at = clock()
    const journal = openJournal()
    const run = take(journal, 'r')
    await errorOf(() => settleWait(run, waitOf('w', approval, 5_000), 'return'))
    answerWait(journal, run.no, 'w', { approved: true })
    at.now += 60_000
    expect(await settleWait(run, waitOf('w', approval, 5_000), 'return')).toEqual({ answer: { approved: true } })
  })

  test('nobody can answer a timer', async () => {
    const journal = openJournal()
    const info = infoOf('r')
    const run = take(journal, 'r', { info })
    const waiting = settleWait(run, waitOf('t', timer(60_000)), 'block')
    await vi.waitFor(() => expect(run.blockedBy).toBe(1), { interval: 1 })
    expect(await errorOf(() => answerWait(journal, run.no, 't', true))).toMatchObject({ code: 'ANSWER_INVALID' })
    info.cancel()
    await expect(waiting).rejects.toThrow()
  })

  test('a stale owner opens no wait and takes no timeout', async () => {
    const at = clock()
    const journal = openJournal()
    const run = take(journal, 'r')
    await errorOf(() => settleWait(run, waitOf('w', approval, 5_000), 'return'))
    journal.strict.run('UPDATE runs SET epoch = epoch + 1')
    at.now += 5_000
    expect(await errorOf(() => settleWait(run, waitOf('w', approval, 5_000), 'return'))).toMatchObject({
      code: 'RUN_LOCKED',
    })
    expect(await errorOf(() => settleWait(run, waitOf('v', approval), 'return'))).toMatchObject({ code: 'RUN_LOCKED' })
    expect(journal.strict.all('SELECT id, answer FROM waits')).toEqual([{ id: 'w', answer: null }])
    expect([...run.waits.keys()]).toEqual(['w'])
  })
})

test('observers are told of a wait once it can be answered', async () => {
  const journal = openJournal()
  const info = infoOf('r', 'return')
  const opened: unknown[] = []
  const told = {
    ...info,
    opened: (id: string) => opened.push([id, journal.strict.get('SELECT count(*) AS n FROM waits')]),
  }
  await errorOf(() => settle(take(journal, 'r', { info }), waitOf('w', approval), told as never))
  expect(opened).toEqual([['w', { n: 1 }]])
})
