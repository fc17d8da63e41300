import type { StepDescriptor, StreamChunk, StreamSink } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { StepPublisher } from '../../src/execute/publish.ts'
import { deferred } from '../support/kit.ts'

const step = {
  kind: 'tool',
  id: '1/tool/0/a',
  execution: 1,
  name: 'a',
  input: null,
  policy: { effect: 'repeatable' },
} as StepDescriptor

describe('a publisher', () => {
  it('is not made where nobody listens, nor for a task', () => {
    expect(StepPublisher.of(step, { runId: 'r' })).toBeUndefined()
    expect(StepPublisher.of({ ...step, kind: 'task' }, { runId: 'r', onChunk: () => {} })).toBeUndefined()
  })

  it('says nothing of an attempt that said nothing', async () => {
    const chunks: StreamChunk[] = []
    const publisher = StepPublisher.of(step, { runId: 'r', onChunk: (chunk) => void chunks.push(chunk) })
    await publisher?.end()
    await publisher?.fail()
    expect(chunks).toEqual([])
  })

  it('is silent after its end, however long stopped work goes on talking', async () => {
    const [chunks, beats] = [[] as string[], [] as unknown[]]
    const publisher = StepPublisher.of(step, {
      runId: 'r',
      onChunk: ({ type }) => void chunks.push(type),
      heartbeat: (data) => void beats.push(data),
    })
    publisher?.progress(1)
    await publisher?.fail()
    publisher?.progress(2)
    publisher?.publish({ type: 'text', delta: 'x' })
    await publisher?.end()
    expect(chunks).toEqual(['start', 'progress', 'superseded'])
    expect(beats).toEqual([1])
  })

  it('publishes one lot after the other, in order, and ends when all of it can be seen', async () => {
    const slow = deferred()
    const lots: string[][] = []
    const streams: StreamSink = {
      async publish(chunks) {
        lots.push(chunks.map(({ type }) => type))
        await slow.promise
      },
      read: () => expect.unreachable(),
    }
    const publisher = StepPublisher.of(step, { runId: 'r', streams }) as StepPublisher
    publisher.publish({ type: 'text', delta: 'a' })
    await null
    publisher.publish({ type: 'text', delta: 'b' })
    let ended = false
    const ending = publisher.end().then(() => {
      ended = true
    })
    for (let i = 0; i < 10; i++) await null
    expect([lots, ended]).toEqual([[['start', 'text']], false])
    slow.resolve()
    await ending
    expect(lots).toEqual([
      ['start', 'text'],
      ['text', 'end'],
    ])
  })
})
