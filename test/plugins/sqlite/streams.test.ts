/** Streams: what one process says, any other reads, as it is said. */
import type { StreamChunk, StreamSink } from 'holdfast'
import { memoryStreams } from 'holdfast'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { finishRun } from '../../../src/plugins/sqlite/claim.ts'
import { openDatabase } from '../../../src/plugins/sqlite/database.ts'
import type { Journal } from '../../../src/plugins/sqlite/journal.ts'
import { keyOf } from '../../../src/plugins/sqlite/keys.ts'
import { MIGRATIONS } from '../../../src/plugins/sqlite/schema.ts'
import { streamsOf } from '../../../src/plugins/sqlite/streams.ts'
import { errorOf, openJournal, put, startChild, take, tempPath } from './support.ts'

function sinkOf(path = tempPath()): { sink: StreamSink; path: string; journal: ReturnType<typeof openJournal> } {
  const journal = openJournal(path)
  return { sink: streamsOf({ path, get: () => journal, release: () => {} }), path, journal }
}

const start = (stepId: string, nonce: string): StreamChunk => ({ runId: 'r', stepId, nonce, offset: 0, type: 'start' })
const text = (stepId: string, nonce: string, offset: number, delta: string): StreamChunk => ({
  runId: 'r',
  stepId,
  nonce,
  offset,
  type: 'text',
  delta,
})
const end = (stepId: string, nonce: string, offset: number): StreamChunk => ({
  runId: 'r',
  stepId,
  nonce,
  offset,
  type: 'end',
})

/** All that there is, for a feed that has ended. */
async function readAll(sink: StreamSink, from?: string): Promise<StreamChunk[]> {
  const all: StreamChunk[] = []
  for await (const chunk of sink.read('r', from)) all.push(chunk)
  return all
}

const short = (chunks: StreamChunk[]): string[] =>
  chunks.map(
    (chunk) =>
      `${chunk.stepId} ${chunk.nonce} ${chunk.offset} ${chunk.type}${'delta' in chunk ? ` ${chunk.delta}` : ''}`,
  )

test('a reader that comes after the end gets the whole, in order; from a cursor, the rest', async () => {
  const { sink } = sinkOf()
  await sink.publish([start('1', 'a'), text('1', 'a', 1, 'Hel')])
  await sink.publish([text('1', 'a', 2, 'lo'), end('1', 'a', 3)])
  await sink.close?.('r')
  const all = await readAll(sink)
  expect(short(all)).toEqual(['1 a 0 start', '1 a 1 text Hel', '1 a 2 text lo', '1 a 3 end'])
  for (const [index, { cursor }] of all.entries()) expect(await readAll(sink, cursor)).toEqual(all.slice(index + 1))
})

test('a chunk that is published twice is kept once', async () => {
  const { sink } = sinkOf()
  const chunks = [start('1', 'a'), text('1', 'a', 1, 'x'), end('1', 'a', 2)]
  await Promise.all([sink.publish(chunks), sink.publish(chunks.slice(1)), sink.publish(chunks)])
  await sink.publish(chunks)
  await sink.close?.('r')
  expect(short(await readAll(sink))).toEqual(['1 a 0 start', '1 a 1 text x', '1 a 2 end'])
})

test('an execution that died is superseded when the step runs again, and says nothing more', async () => {
  const { sink } = sinkOf()
  await sink.publish([start('1', 'a'), text('1', 'a', 1, 'Hel'), start('2', 'c'), end('2', 'c', 1)])
  await sink.publish([
    start('1', 'b'),
    text('1', 'a', 3, 'late'),
    text('1', 'b', 1, 'Hello'),
    end('1', 'b', 2),
    start('2', 'd'),
  ])
  await sink.close?.('r')
  expect(short(await readAll(sink))).toEqual([
    '1 a 0 start',
    '1 a 1 text Hel',
    '2 c 0 start',
    '2 c 1 end',
    '1 a 2 superseded',
    '1 b 0 start',
    '1 b 1 text Hello',
    '1 b 2 end',
    '2 d 0 start',
  ])
})

test('it says what the sink in memory says, whatever is published in which order, by one process or by two in turn', async () => {
  const chunk = fc.record({
    step: fc.constantFrom('1', '2'),
    nonce: fc.constantFrom('a', 'b', 'c'),
    length: fc.nat(3),
    ends: fc.boolean(),
    writer: fc.nat(1),
    writes: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 8 }), async (executions) => {
      const path = tempPath()
      const writers = [sinkOf(path), sinkOf(path)]
      const memory = memoryStreams()
      let before = writers[0]
      const said: StreamChunk[] = []
      for (const [index, { step, nonce, length, ends, writer, writes }] of executions.entries()) {
        const name = `${nonce}${index}`
        const texts = Array.from({ length }, (_, i) => text(step, name, i + 1, `${i}`))
        const chunks = [start(step, name), ...texts, ...(ends ? [end(step, name, length + 1)] : [])]
        const now = writers[writer] as ReturnType<typeof sinkOf>
        // Who takes over has what the other had written.
        if (writes || now !== before) before?.journal.chunks.flush()
        before = now
        await now.sink.publish(chunks)
        await memory.publish(chunks)
        said.push(...chunks)
      }
      before?.journal.chunks.flush()
      for (const { sink } of writers) await sink.publish(said.slice(0, 3))
      await writers[1]?.sink.close?.('r')
      await memory.close?.('r')
      const all = await readAll(memory)
      for (const { sink } of writers) {
        const read = await readAll(sink)
        expect(short(read)).toEqual(short(all))
        for (const [index, { cursor }] of read.entries()) {
          expect(short(await readAll(sink, cursor))).toEqual(short(all).slice(index + 1))
        }
      }
    }),
    { numRuns: 30 },
  )
}, 30_000)

describe('tailing', () => {
  test('another process publishes, this one reads as it comes, and ends with the run', async () => {
    const { sink, path, journal } = sinkOf()
    const run = take(journal, 'r')
    const child = startChild('publish', path)
    await child.said('ready')
    const reader = sink.read('r')[Symbol.asyncIterator]()
    const first = reader.next()
    child.tell([start('1', 'a')] as never)
    expect((await first).value).toMatchObject({ type: 'start' })
    const second = reader.next()
    child.tell([text('1', 'a', 1, 'hi')] as never)
    expect((await second).value).toMatchObject({ delta: 'hi' })
    const last = reader.next()
    await finishRun(run, { status: 'completed' })
    expect(await last).toMatchObject({ done: true })
  }, 20_000)

  test('a reader that is busy with a chunk while more is said and the run ends gets the rest, and the end', async () => {
    const { sink, journal } = sinkOf()
    const run = take(journal, 'r')
    await sink.publish([start('1', 'a')])
    const reader = sink.read('r')[Symbol.asyncIterator]()
    expect((await reader.next()).value).toMatchObject({ type: 'start' })
    // After this look no other finds anything: a connection does not count its own commits.
    await journal.changes.next()
    await sink.publish([text('1', 'a', 1, 'hi')])
    await finishRun(run, { status: 'completed' })
    expect((await reader.next()).value).toMatchObject({ delta: 'hi' })
    expect(await reader.next()).toMatchObject({ done: true })
  })

  test('a reader goes on over waits', async () => {
    const { sink, journal } = sinkOf()
    const run = take(journal, 'r')
    const reader = sink.read('r')[Symbol.asyncIterator]()
    const first = reader.next()
    await finishRun(run, { status: 'waiting' })
    await sink.publish([start('1', 'a')])
    expect((await first).value).toMatchObject({ type: 'start' })
    await reader.return?.()
  })

  test('a signal ends it, also while it waits', async () => {
    const { sink } = sinkOf()
    const controller = new AbortController()
    const reader = sink.read('r', undefined, controller.signal)[Symbol.asyncIterator]()
    const next = reader.next()
    controller.abort()
    expect(await next).toMatchObject({ done: true })
    expect(await sink.read('r', undefined, controller.signal)[Symbol.asyncIterator]().next()).toMatchObject({
      done: true,
    })
  })

  test('more than one page', async () => {
    const { sink } = sinkOf()
    await sink.publish([start('1', 'a'), ...Array.from({ length: 1200 }, (_, i) => text('1', 'a', i + 1, `${i}`))])
    await sink.close?.('r')
    const all = await readAll(sink)
    expect(all.map(({ offset }) => offset)).toEqual(Array.from({ length: 1201 }, (_, i) => i))
  })

  test.each(['x', '1', '99999999999'])('%s is no cursor of this run', async (cursor) => {
    const { sink } = sinkOf()
    await sink.publish([start('1', 'a')])
    await sink.close?.('r')
    expect(await errorOf(() => readAll(sink, cursor))).toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('commits', () => {
  const statementsOf = (journal: Journal, name: 'strict' | 'loose'): string[] => {
    const seen: string[] = []
    const run = journal[name].run.bind(journal[name])
    vi.spyOn(journal[name], 'run').mockImplementation((sql, ...values) => {
      seen.push(sql.split(' ', 3).join(' '))
      return run(sql, ...values)
    })
    return seen
  }

  test('what a step said goes along with its record: one commit, seen by others at once', async () => {
    const { sink, journal, path } = sinkOf()
    const run = take(journal, 'r')
    const statements = statementsOf(journal, 'strict')
    const loose = statementsOf(journal, 'loose')
    await sink.publish([start('1', 'a'), text('1', 'a', 1, 'hi')])
    await sink.publish([end('1', 'a', 2)])
    await put(run, '1', 'hi')
    expect(statements).toEqual(['BEGIN IMMEDIATE', 'INSERT INTO chunks', 'INSERT INTO records', 'COMMIT'])
    expect(loose).toEqual([])
    const other = sinkOf(path).sink.read('r')[Symbol.asyncIterator]()
    const read = [await other.next(), await other.next(), await other.next()]
    expect(short(read.map(({ value }) => value))).toEqual(['1 a 0 start', '1 a 1 text hi', '1 a 2 end'])
    await other.return?.(undefined)
  })

  test('while no record comes, what all runs say within some milliseconds is one commit', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const { sink, journal } = sinkOf()
    const loose = statementsOf(journal, 'loose')
    const publish = async (offset: number): Promise<void> => {
      for (const runId of ['r', 's', 't']) await sink.publish([{ ...text('1', 'a', offset, 'x'), runId }])
      vi.advanceTimersByTime(5)
    }
    for (let offset = 0; offset < 2; offset++) await publish(offset)
    const chunks = Array.from({ length: 3 }, () => 'INSERT INTO chunks')
    expect(loose).toEqual(['BEGIN IMMEDIATE', ...chunks, 'COMMIT'])
    vi.advanceTimersByTime(100)
    expect(loose).toHaveLength(5)
  })

  test('the end of a run has all that was said before it', async () => {
    const { sink, journal, path } = sinkOf()
    const run = take(journal, 'r')
    await sink.publish([start('1', 'a'), text('1', 'a', 1, 'hi')])
    await finishRun(run, { status: 'completed' })
    expect(short(await readAll(sinkOf(path).sink))).toEqual(['1 a 0 start', '1 a 1 text hi'])
  })

  test('a record that could not be written takes what was said with it, and what is said later is there', async () => {
    const { sink, journal } = sinkOf()
    const run = take(journal, 'r')
    await sink.publish([start('1', 'a')])
    journal.chunks.flush()
    const { page_count: pages } = journal.strict.get<{ page_count: number }>('PRAGMA page_count') as {
      page_count: number
    }
    journal.strict.get(`PRAGMA max_page_count = ${pages}`)
    await sink.publish([text('1', 'a', 1, 'lost')])
    expect(await errorOf(() => put(run, '1', 'x'.repeat(100_000)))).toMatchObject({ code: 'JOURNAL_FULL' })
    journal.strict.get('PRAGMA max_page_count = 1000000')
    await sink.publish([{ ...end('1', 'a', 2), type: 'superseded' }, start('1', 'b')])
    await put(run, '1', 'hi')
    await sink.close?.('r')
    expect(short(await readAll(sink))).toEqual(['1 a 0 start', '1 a 2 superseded', '1 b 0 start'])
  })
})

test('a record is written where what was said before it can not be, and what is said later is there', async () => {
  const { sink, journal } = sinkOf()
  const run = take(journal, 'r')
  await sink.publish([start('1', 'a')])
  journal.chunks.flush()
  journal.strict.exec("CREATE TRIGGER broken BEFORE INSERT ON chunks BEGIN SELECT RAISE(ABORT, 'broken'); END")
  await sink.publish([text('1', 'a', 1, 'lost')])
  expect(await put(run, '1', 'hi')).toEqual({ output: 'hi', ran: true })
  expect(journal.strict.all('SELECT id FROM records')).toEqual([{ id: '1' }])
  journal.strict.exec('DROP TRIGGER broken')
  await sink.publish([text('1', 'a', 2, 'there'), end('1', 'a', 3)])
  await sink.close?.('r')
  expect(short(await readAll(sink))).toEqual(['1 a 0 start', '1 a 2 text there', '1 a 3 end'])
})

test('what is said to a journal that is gone is lost, and nothing is thrown', async () => {
  const { sink, journal } = sinkOf()
  journal.strict.close()
  journal.loose.close()
  await sink.publish([start('1', 'a')])
  journal.chunks.flush()
  expect(await errorOf(() => readAll(sink))).toMatchObject({ code: 'ENGINE_UNAVAILABLE', kind: 'retryable' })
})

test('a journal of version 1, with a row for each chunk, is read on and written on', async () => {
  const path = tempPath()
  const old = openDatabase(path, MIGRATIONS.slice(0, 1))
  old.exec(`
    INSERT INTO feeds (feed, run_id) VALUES (7, 'q'), (8, 'r');
    INSERT INTO streams (stream, feed, step, nonce, ended) VALUES (1, 7, '1', 'q', 0), (2, 8, '1', 'a', 1), (3, 8, '2', 'b', 0);
    INSERT INTO chunks (key, stream, place, body) VALUES
      (${keyOf(7, 0)}, 1, 0, '{"type":"start"}'),
      (${keyOf(8, 0)}, 2, 0, '{"type":"start"}'),
      (${keyOf(8, 1)}, 3, 0, '{"type":"start"}'),
      (${keyOf(8, 2)}, 2, 1, '{"type":"end"}'),
      (${keyOf(8, 3)}, 3, 1, '{"type":"text","delta":"dead"}');
  `)
  old.close()
  const { sink } = sinkOf(path)
  await sink.publish([text('1', 'a', 2, 'late'), start('2', 'c'), end('2', 'c', 1)])
  await sink.close?.('r')
  const whole = [
    '1 a 0 start',
    '2 b 0 start',
    '1 a 1 end',
    '2 b 1 text dead',
    '2 b 2 superseded',
    '2 c 0 start',
    '2 c 1 end',
  ]
  expect(short(await readAll(sink))).toEqual(whole)
  expect(short(await readAll(sink, String(keyOf(8, 2))))).toEqual(whole.slice(3))
})
