/** Ten thousand random agent scripts, each with its crashes on every engine. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { byName, keyed, positional } from '../fuzz/engines.ts'
import { fuzz, seedOf } from '../fuzz/fuzz.ts'
import type { SqliteBench } from '../fuzz/sqlite-bench.ts'
import { sqliteBench } from '../fuzz/sqlite-bench.ts'

const runs = Number(process.env['HOLDFAST_FUZZ_RUNS'] ?? 10_000)
const { seed, path } = seedOf(process.env['HOLDFAST_SEED'])

let sqlite: SqliteBench
beforeAll(async () => {
  sqlite = await sqliteBench()
})
afterAll(() => sqlite.close())

test(`${runs} random scripts, seed ${seed}`, async () => {
  const engines = [keyed, positional, byName, sqlite.bench]
  expect(await fuzz({ engines, runs, seed, path, thorough: true })).toBeGreaterThan(0)
})
