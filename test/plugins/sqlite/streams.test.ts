/** Streams: what one process says, any other reads, as it is said. */
import type { StreamChunk, StreamSink } from 'holdfast'
import { memoryStreams } from 'holdfast'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { finishRun } from '../../../src/plugins/sqlite/claim.ts'
import { useJournal } from '../../../src/plugins/sqlite/use-journal.ts'
import { streamsOf } from '../../../src/plugins/sqlite/streams.ts'
import { errorOf, openJournal, startChild, take, tempPath } from './support.ts'

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

test('it says what the sink in memory says, whatever is published in which order', async () => {
  const chunk = fc.record({
    step: fc.constantFrom('1', '2'),
    nonce: fc.constantFrom('a', 'b', 'c'),
    length: fc.nat(3),
    ends: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 8 }), async (executions) => {
      const chunks = executions.flatMap(({ step, nonce, length, ends }, index) => {
        const name = `${nonce}${index}`
        const texts = Array.from({ length }, (_, i) => text(step, name, i + 1, `${i}`))
        return [start(step, name), ...texts, ...(ends ? [end(step, name, length + 1)] : [])]
      })
      const { sink } = sinkOf()
      const memory = memoryStreams()
      for (const each of [sink, memory]) {
        await each.publish(chunks)
        await each.publish(chunks.slice(0, 3))
        await each.close?.('r')
      }
      expect(short(await readAll(sink))).toEqual(short(await readAll(memory)))
    }),
    { numRuns: 20 },
  )
})

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
    finishRun(run, { status: 'completed' })
    expect(await last).toMatchObject({ done: true })
  }, 20_000)

  test('a reader goes on over waits', async () => {
    const { sink, journal } = sinkOf()
    const run = take(journal, 'r')
    const reader = sink.read('r')[Symbol.asyncIterator]()
    const first = reader.next()
    finishRun(run, { status: 'waiting' })
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

test('what all runs say in one turn of the event loop is one commit', async () => {
  const { sink, journal } = sinkOf()
  const run = vi.spyOn(journal.loose, 'run')
  await Promise.all(['r', 's', 't'].map((runId) => sink.publish([{ ...start('1', 'a'), runId }])))
  expect(run.mock.calls.filter(([sql]) => sql === 'COMMIT')).toHaveLength(1)
})

test('a sink whose journal is gone says so, and does not throw elsewhere', async () => {
  const use = useJournal(tempPath())
  const sink = streamsOf(use)
  const { journal } = { journal: use.get() }
  journal.strict.close()
  journal.loose.close()
  expect(await errorOf(() => sink.publish([start('1', 'a')]))).toMatchObject({
    code: 'ENGINE_UNAVAILABLE',
    kind: 'retryable',
  })
})
