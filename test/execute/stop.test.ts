import { afterEach, describe, expect, it, vi } from 'vitest'
import { HoldfastError } from '../../src/errors.ts'
import { Attempt, Cancellation, delay, stopsOf } from '../../src/execute/stop.ts'
import { failureOf } from '../support/kit.ts'

afterEach(() => void vi.useRealTimers())

const stopped = new HoldfastError({ code: 'CANCELLED', message: 'stop' })

describe('a cancellation', () => {
  it('calls back all that listen, once, with why', () => {
    const cancellation = new Cancellation()
    const told: string[] = []
    cancellation.onStop(({ message }) => void told.push(`a: ${message}`))
    const off = cancellation.onStop(() => void told.push('b'))
    off()
    cancellation.cancel('enough')
    cancellation.cancel('again')
    expect(told).toEqual(['a: the run was cancelled: enough'])
    expect(cancellation.error).toMatchObject({ code: 'CANCELLED', details: { reason: 'enough' } })
    expect(cancellation.signal.reason).toBe(cancellation.error)
  })

  it('calls back at once what comes later', () => {
    const cancellation = new Cancellation()
    cancellation.cancel(undefined)
    const told: unknown[] = []
    cancellation.onStop((error) => void told.push(error.message))()
    expect(told).toEqual(['the run was cancelled'])
  })
})

describe('the stops of a signal', () => {
  it('come at its abort, unless they were taken out', () => {
    const controller = new AbortController()
    const told: string[] = []
    stopsOf(controller.signal)(() => void told.push('a'))
    stopsOf(controller.signal)(() => void told.push('b'))()
    controller.abort()
    stopsOf(controller.signal)(() => void told.push('late'))()
    expect(told).toEqual(['a', 'late'])
  })
})

describe('an attempt', () => {
  it('rejects at the stop, whatever the work does; the first stop counts', async () => {
    const attempt = new Attempt()
    const running = failureOf(attempt.run(() => new Promise(() => {})))
    const { signal } = attempt
    attempt.stop(stopped)
    attempt.stop(new HoldfastError({ code: 'STEP_TIMEOUT', message: 'x' }))
    expect(await running).toBe(stopped)
    expect(signal.reason).toBe(stopped)
    expect(attempt.signal).toBe(signal)
  })

  it('that is stopped before it starts does not start', async () => {
    const attempt = new Attempt()
    attempt.stop(stopped)
    expect(await failureOf(attempt.run(() => expect.unreachable()))).toBe(stopped)
    expect(attempt.signal.reason).toBe(stopped)
  })
})

describe('a delay', () => {
  it('longer than a timer of Node can be takes its whole time', async () => {
    vi.useFakeTimers()
    let over = false
    void delay(60 * 86_400_000).then(() => {
      over = true
    })
    await vi.advanceTimersByTimeAsync(59 * 86_400_000)
    expect(over).toBe(false)
    await vi.advanceTimersByTimeAsync(86_400_000)
    expect(over).toBe(true)
  })

  it('is over at the stop, and leaves no timer', async () => {
    vi.useFakeTimers()
    const cancellation = new Cancellation()
    const waiting = failureOf(delay(1000, cancellation.onStop))
    cancellation.cancel('x')
    expect(await waiting).toBe(cancellation.error)
    expect(await failureOf(delay(1000, cancellation.onStop))).toBe(cancellation.error)
    expect(vi.getTimerCount()).toBe(0)
  })
})
