/** Durations as people write them. */
import { HoldfastError } from './errors.ts'

/** Milliseconds, or a text: `250ms`, `30s`, `5m`, `2h`, `1d`. */
export type Duration = number | string

const UNITS: { readonly [unit: string]: number } = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * A duration in milliseconds.
 * @throws `CONFIG_INVALID` for what is none
 */
export function toMilliseconds(duration: Duration, where: string): number {
  const [, amount, unit] =
    /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(typeof duration === 'number' ? `${duration}ms` : duration) ?? []
  if (amount === undefined || unit === undefined) {
    throw new HoldfastError({
      code: 'CONFIG_INVALID',
      message: `${where}: ${JSON.stringify(duration)} is no duration. Give milliseconds, or a text such as '30s' or '2h'.`,
    })
  }
  return Number(amount) * (UNITS[unit] as number)
}
