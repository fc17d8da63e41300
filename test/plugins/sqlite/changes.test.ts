/** How a change is noticed: what keeps the process alive, what is looked at, and when nothing is. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Changes } from '../../../src/plugins/sqlite/changes.ts'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

test('the first look always tells, then each change, and no more', () => {
  let version = 1
  const changes = new Changes(() => version)
  const told = vi.fn()
  const stop = changes.subscribe(told, true)
  vi.advanceTimersByTime(100)
  expect(told).toHaveBeenCalledTimes(1)
  version = 2
  vi.advanceTimersByTime(100)
  expect(told).toHaveBeenCalledTimes(2)
  stop()
  version = 3
  const again = changes.subscribe(told, true)
  vi.advanceTimersByTime(100)
  expect(told).toHaveBeenCalledTimes(3)
  again()
})

test('what came while nobody looked is told to the next one who comes, and told once', () => {
  let version = 1
  const changes = new Changes(() => version)
  const told = vi.fn()
  const next = (): void => {
    const stop = changes.subscribe(() => {
      stop()
      told()
    }, true)
  }
  next()
  vi.advanceTimersByTime(100)
  expect(told).toHaveBeenCalledTimes(1)
  version = 2
  next()
  vi.advanceTimersByTime(100)
  expect(told).toHaveBeenCalledTimes(2)
  next()
  vi.advanceTimersByTime(100)
  expect(told).toHaveBeenCalledTimes(2)
})

test('nobody looks where nobody listens', () => {
  const changes = new Changes(() => 1)
  const stops = [changes.subscribe(() => {}, true), changes.subscribe(() => {}, false)]
  expect(vi.getTimerCount()).toBe(1)
  for (const stop of stops) stop()
  for (const stop of stops) stop()
  expect(vi.getTimerCount()).toBe(0)
})

test('only one who is waited for keeps the process alive', () => {
  vi.useRealTimers()
  const timers: NodeJS.Timeout[] = []
  const real = setInterval
  const spy = vi.spyOn(globalThis, 'setInterval').mockImplementation(((...args: Parameters<typeof setInterval>) => {
    const timer = real(...args)
    timers.push(timer)
    return timer
  }) as typeof setInterval)
  const changes = new Changes(() => 1)
  const watching = changes.subscribe(() => {}, false)
  expect(timers[0]?.hasRef()).toBe(false)
  const waiting = changes.subscribe(() => {}, true)
  expect(timers[0]?.hasRef()).toBe(true)
  waiting()
  expect(timers[0]?.hasRef()).toBe(false)
  watching()
  spy.mockRestore()
})

test('a journal that can not be read is told too: those who listen fail in their own place', () => {
  const changes = new Changes(() => {
    throw new Error('gone')
  })
  const told = vi.fn()
  const stop = changes.subscribe(told, true)
  vi.advanceTimersByTime(60)
  expect(told).toHaveBeenCalledTimes(2)
  stop()
})

test('stopped, it tells all who wait', async () => {
  const changes = new Changes(() => 1)
  const next = changes.next()
  changes.stop()
  await next
  expect(vi.getTimerCount()).toBe(0)
})
