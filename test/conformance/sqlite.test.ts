/** The SQLite plugin keeps all promises of the kit. */
import { sqliteDurabilityPlugin } from 'holdfast/sqlite'
import { durabilityConformance } from 'holdfast/testing'
import { test } from 'vitest'
import { create } from './support/sqlite-engine.ts'

const { durability } = sqliteDurabilityPlugin({ path: 'unused.db' })
const cases = durabilityConformance({ create, ...(durability && { supports: durability.supports }) })

for (const { name, skip, run } of cases) test.skipIf(skip !== undefined)(name, run, 60_000)
