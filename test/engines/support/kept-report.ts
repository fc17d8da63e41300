/**
 * What the conformance kit found an engine to do is kept in conformance.json beside its suite: the README's table is made
 * of it, where no engine is. Each run of the suite compares; HOLDFAST_UPDATE=1 writes it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { ConformanceCase } from 'holdfast/testing'
import { afterAll, expect, test } from 'vitest'

export interface KeptResult {
  readonly name: string
  readonly status: 'passed' | 'skipped'
}

/**
 * A test for each case.
 * @param isRun cases that are not run now keep the status that they had
 */
export function testCases(
  engine: string,
  cases: readonly ConformanceCase[],
  { timeout, isRun = () => true }: { readonly timeout: number; readonly isRun?: (name: string) => boolean },
): void {
  const path = fileURLToPath(new URL(`../${engine}/conformance.json`, import.meta.url))
  const kept: readonly KeptResult[] = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : []
  const known = new Map(kept.map(({ name, status }) => [name, status]))
  const found = new Map<string, KeptResult['status']>()
  for (const { name, skip, run } of cases) {
    if (skip !== undefined) found.set(name, 'skipped')
    test.skipIf(skip !== undefined || !isRun(name))(
      name,
      async () => {
        await run()
        found.set(name, 'passed')
      },
      timeout,
    )
  }
  afterAll(() => {
    // Of a run of some tests alone, or one that failed, there is nothing to be said.
    if (!cases.every(({ name }) => found.has(name) || !isRun(name))) return
    const now = cases.map(({ name }): KeptResult => ({ name, status: found.get(name) ?? known.get(name) ?? 'skipped' }))
    if (process.env['HOLDFAST_UPDATE']) writeFileSync(path, `${JSON.stringify(now, null, 2)}\n`)
    else expect(now, path).toEqual(kept)
  })
}
