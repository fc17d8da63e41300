/** Stream sink and payload store in memory. */
import type { StreamChunk, StreamSink } from 'holdfast'
import { memoryPayloads, memoryStreams } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { agentOf, call, calls, collect, failureOf, file, terminalFailure, text, toolOf } from './support/kit.ts'

const chunk = (offset: number, over: Partial<StreamChunk> = {}): StreamChunk =>
  ({ runId: 'r', stepId: '1/model', nonce: 'a', offset, type: 'text', delta: `${offset}`, ...over }) as StreamChunk
const brief = ({ nonce, offset, type }: StreamChunk): string => `${nonce}${offset} ${type}`

async function readAll(sink: StreamSink, cursor?: string): Promise<StreamChunk[]> {
  return collect(sink.read('r', cursor))
}

describe('memoryStreams', () => {
  it('gives what was published, in order, until the run is over', async () => {
    const sink = memoryStreams()
    const reading = readAll(sink)
    await sink.publish([chunk(0, { type: 'start' }), chunk(1)])
    await sink.publish([chunk(2, { type: 'end' }), chunk(0, { runId: 'other' })])
    await sink.close?.('r')
    expect((await reading).map(brief)).toEqual(['a0 start', 'a1 text', 'a2 end'])
    expect((await readAll(sink)).map(brief)).toEqual(['a0 start', 'a1 text', 'a2 end'])
  })

  it('goes on after the cursor of any chunk', async () => {
    const sink = memoryStreams()
    await sink.publish([0, 1, 2, 3].map((offset) => chunk(offset)))
    await sink.close?.('r')
    const all = await readAll(sink)
    for (const [index, { cursor }] of all.entries()) expect(await readAll(sink, cursor)).toEqual(all.slice(index + 1))
  })

  it('tells of an attempt that died when another says its first word', async () => {
    const sink = memoryStreams()
    await sink.publish([chunk(0), chunk(1), chunk(0, { nonce: 'b' })])
    await sink.close?.('r')
    expect((await readAll(sink)).map(brief)).toEqual(['a0 text', 'a1 text', 'a2 superseded', 'b0 text'])
  })

  it('keeps one of what is published twice', async () => {
    const sink = memoryStreams()
    await sink.publish([chunk(0), chunk(1)])
    await sink.publish([chunk(1), chunk(2, { type: 'superseded' }), chunk(2, { type: 'superseded' })])
    await sink.close?.('r')
    expect(await readAll(sink)).toHaveLength(3)
  })

  it('lets a reader go at its signal, before and while it waits', async () => {
    const sink = memoryStreams()
    await sink.publish([chunk(0), chunk(1)])
    const controller = new AbortController()
    const seen: StreamChunk[] = []
    for await (const one of sink.read('r', undefined, controller.signal)) {
      seen.push(one)
      controller.abort()
    }
    expect(seen).toHaveLength(1)
    const waiting = new AbortController()
    const reading = collect(sink.read('none', undefined, waiting.signal))
    setImmediate(() => waiting.abort())
    expect(await reading).toEqual([])
  })
})

describe('the streams of an agent without an engine', () => {
  it('have what its steps say, and end with the run, also where it fails', async () => {
    for (const script of [[text('hi')], [terminalFailure()]]) {
      const streams = memoryStreams()
      await agentOf(script, { streams })
        .run('go', { runId: 'r' })
        .catch(() => {})
      expect((await readAll(streams)).length).toBe(script[0] && 'text' in script[0] ? 3 : 0)
    }
  })

  it('stay open while it waits', async () => {
    const streams = memoryStreams()
    const agent = agentOf([calls(text('may I?'), call('a')), text('done')], {
      streams,
      tools: [toolOf('a', { approval: true })],
    })
    const { state } = await agent.run('go', { runId: 'r' })
    const reading = readAll(streams)
    await agent.resume(state, { '1/tool/0/a/approval': { approved: true } })
    expect((await reading).filter(({ type }) => type === 'text')).toMatchObject([
      { delta: 'may I?' },
      { delta: 'done' },
    ])
  })

  it('that fail do not fail the run', async () => {
    const broken: StreamSink = {
      publish: () => Promise.reject(new Error('full')),
      read: () => expect.unreachable(),
      close: () => Promise.reject(new Error('x')),
    }
    expect(await agentOf([text('x')], { streams: broken }).run('go')).toMatchObject({ status: 'completed' })
  })
})

describe('memoryPayloads', () => {
  it('gives bytes back by their content, as copies', async () => {
    const store = memoryPayloads()
    const bytes = new Uint8Array([1, 2, 3])
    const ref = await store.put(bytes)
    bytes[0] = 9
    expect(await store.get(ref)).toEqual(new Uint8Array([1, 2, 3]))
    expect(await store.put(new Uint8Array([1, 2, 3]))).toBe(ref)
    ;(await store.get(ref))[0] = 9
    expect(await store.get(ref)).toEqual(new Uint8Array([1, 2, 3]))
  })

  it('has the large files of an agent without an engine', async () => {
    const payloads = memoryPayloads()
    const bytes = new Uint8Array(100_000).fill(7)
    const { messages } = await agentOf([calls(file('image/png', bytes))], { payloads }).run('go')
    const [part] = (messages[1] as { content: unknown }).content as [{ data: { ref: string } }]
    expect(part.data).toMatchObject({ type: 'stored', size: 100_000 })
    expect(await payloads.get(part.data.ref)).toEqual(bytes)
  })

  it('refuses a reference that it does not know', async () => {
    expect(await failureOf(memoryPayloads().get('gone'))).toMatchObject({
      code: 'JOURNAL_CORRUPT',
      details: { ref: 'gone' },
    })
  })
})
