/** What a handle does with the answers of a server: of a client that is made up. */
import type { Client } from '@temporalio/client'
import { WorkflowFailedError, WorkflowNotFoundError } from '@temporalio/client'
import type { StreamChunk } from 'holdfast'
import { memoryStreams } from 'holdfast'
import { afterEach, expect, test, vi } from 'vitest'
import { TemporalRun } from '../../../src/plugins/temporal/run-handle.ts'

afterEach(() => {
  vi.useRealTimers()
})

function clientOf(handle: object): Client {
  const within = (_: unknown, request: () => unknown): unknown => request()
  return {
    options: { loadedDataConverter: {} },
    withAbortSignal: within,
    withDeadline: within,
    workflow: { getHandle: () => handle },
  } as unknown as Client
}

const ended = { status: 'completed', messages: [{ role: 'user', content: 'go' }], state: { messages: [] } }
const describedAs = (status: string): object => ({ status: { name: status }, memo: {} })

test('once the result is there, nobody looks again whether the run is parked', async () => {
  vi.useFakeTimers()
  const looked = Promise.withResolvers<object>()
  const describe = vi.fn(() => looked.promise)
  const run = new TemporalRun(clientOf({ describe, result: async () => ended }), 'quick', 1_000, undefined)
  await expect(run.result()).resolves.toMatchObject({ status: 'completed' })
  looked.resolve(describedAs('COMPLETED'))
  await vi.advanceTimersByTimeAsync(600_000)
  expect(describe).toHaveBeenCalledTimes(1)
  expect(vi.getTimerCount()).toBe(0)
})

test('a look that is to come is given up with the result', async () => {
  vi.useFakeTimers()
  const done = Promise.withResolvers<object>()
  const describe = vi.fn(async () => describedAs('RUNNING'))
  const run = new TemporalRun(clientOf({ describe, result: () => done.promise }), 'slow', 1_000, undefined)
  const result = run.result()
  await vi.advanceTimersByTimeAsync(6_000)
  expect(describe).toHaveBeenCalledTimes(2)
  done.resolve(ended)
  await result
  expect(vi.getTimerCount()).toBe(0)
})

const said = (offset: number): StreamChunk => {
  return { runId: 'run', stepId: '1/model', nonce: 'n', offset, type: 'text', delta: `${offset}` }
}

test('who reads of a run that is not there ends, and the stream stays open for everybody else', async () => {
  const streams = memoryStreams()
  await streams.publish([said(0), said(1)])
  const close = vi.spyOn(streams, 'close')
  const missing = async (): Promise<never> => {
    throw new WorkflowNotFoundError('not found', 'run', undefined)
  }
  const other = streams.read('run')[Symbol.asyncIterator]()
  const run = new TemporalRun(clientOf({ result: missing }), 'run', 1_000, streams)
  vi.useFakeTimers()
  const chunks: StreamChunk[] = []
  const reading = (async () => {
    for await (const chunk of run.events()) {
      chunks.push(chunk)
      // It takes its time, and has all that is there nevertheless.
      await new Promise((resolve) => setTimeout(resolve, 1_000))
    }
  })()
  await vi.advanceTimersByTimeAsync(5_000)
  await reading
  expect(chunks).toMatchObject([said(0), said(1)])
  expect(vi.getTimerCount()).toBe(0)
  expect(close).not.toHaveBeenCalled()
  await streams.publish([said(2)])
  const seen = [await other.next(), await other.next(), await other.next()]
  expect(seen.map(({ value }) => value)).toMatchObject([said(0), said(1), said(2)])
})

test('a run that ended without a result closes its stream', async () => {
  const streams = memoryStreams()
  const failed = async (): Promise<never> => {
    throw new WorkflowFailedError('ended', new Error('terminated'), 'NON_RETRYABLE_FAILURE' as never)
  }
  const run = new TemporalRun(clientOf({ result: failed }), 'run', 1_000, streams)
  for await (const _ of run.events()) throw new Error('nothing was said')
  for await (const _ of streams.read('run')) throw new Error('nothing was said')
})
