/** What a handle does with the answers of a server: of a client that is made up. */
import type { Client } from '@temporalio/client'
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
