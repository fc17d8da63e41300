/**
 * Random agent scripts, each on every engine, without a crash and with some: the outcome is the same.
 *
 * `HOLDFAST_FUZZ_RUNS=10000` plays more of them; `HOLDFAST_SEED=<seed>` or `<seed>:<path>`, as a failure prints it, plays
 * the same again.
 */
import { expect, test } from 'vitest'
import { byName, keyed, positional } from './engines.ts'
import { fuzz, seedOf } from './fuzz.ts'

const runs = Number(process.env['HOLDFAST_FUZZ_RUNS'] ?? 1_000)
const { seed, path } = seedOf(process.env['HOLDFAST_SEED'])

test(`${runs} random scripts, seed ${seed}`, { timeout: 60_000 + runs * 100 }, async () => {
  expect(await fuzz({ engines: [keyed, positional, byName], runs, seed, path })).toBe(runs)
})
