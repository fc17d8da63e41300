/**
 * Random agent scripts, each on every engine, without a crash and with some: the outcome is the same.
 *
 * `HOLDFAST_FUZZ_RUNS=10000` plays more of them; `HOLDFAST_SEED=<seed>` or `<seed>:<path>`, as a failure prints it, plays
 * the same again.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { byName, keyed, positional } from './engines.ts'
import { fuzz, seedOf } from './fuzz.ts'
import type { SqliteBench } from './sqlite-bench.ts'
import { sqliteBench } from './sqlite-bench.ts'

const runs = Number(process.env['HOLDFAST_FUZZ_RUNS'] ?? 1_000)
const { seed, path } = seedOf(process.env['HOLDFAST_SEED'])

let sqlite: SqliteBench
beforeAll(async () => {
  sqlite = await sqliteBench()
})
afterAll(() => sqlite.close())

test(`${runs} random scripts, seed ${seed}`, { timeout: 60_000 + runs * 500 }, async () => {
  const engines = [keyed, positional, byName, sqlite.bench]
  expect(await fuzz({ engines, runs, seed, path, thorough: false })).toBeGreaterThan(0)
})
