/**
 * How things are measured: interleaved, so that what else the machine does hits all alike; medians, and medians of ratios. No
 * forced collections in between: they undo what the compiler and the heap have learned, and the next one pays for it.
 */

export interface Timed {
  readonly name: string
  /** Does the work `times` times; gives milliseconds. */
  take(times: number): Promise<number> | number
  /** How often in one go. Default 1. */
  readonly times?: number
}

/** Each contender once per round, in an order that turns; per contender the milliseconds for once, by round; those that warm up are left out. */
export async function interleave(
  contenders: readonly Timed[],
  rounds: number,
  warmUps = 1,
): Promise<Map<string, number[]>> {
  const taken = new Map(contenders.map(({ name }): [string, number[]] => [name, []]))
  for (let round = -warmUps; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const { name, take, times = 1 } = contenders[(i + round + warmUps) % contenders.length] as Timed
      const milliseconds = (await take(times)) / times
      if (round >= 0) taken.get(name)?.push(milliseconds)
    }
  }
  return taken
}

/** CPU time of the process, all its threads: for work without I/O, where others that use the machine would be measured too. */
export async function cpuTimeOf(times: number, work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  for (let i = 0; i < times; i++) await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** The median of the ratios of the same rounds. */
export function ratio(these: readonly number[], those: readonly number[]): number {
  return median(these.map((value, round) => value / (those[round] ?? Number.NaN)))
}
