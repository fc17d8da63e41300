import { describe, expect, it } from 'vitest'
import { toMilliseconds } from '../src/duration.ts'

describe('toMilliseconds', () => {
  it.each([
    [0, 0],
    [1500, 1500],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ])('%s is %i', (duration, expected) => {
    expect(toMilliseconds(duration, 'x')).toBe(expected)
  })

  it.each(['', '30', '30 s', '-1s', 's', '1w', '1sx', -1, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses %o',
    (duration) => {
      expect(() => toMilliseconds(duration, 'tool x: timeout')).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('tool x: timeout') }),
      )
    },
  )
})
