/** The SQLite plugin, with processes that are killed for real. */
import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sqliteRuns } from 'holdfast/sqlite'
import { crashEverywhere, sigkillDriver } from 'holdfast/testing'
import { expect, test } from 'vitest'

const CHILD = fileURLToPath(new URL('./support/sqlite-child.ts', import.meta.url))

/** One of each kind. */
const POINTS = [
  '1/model mid-stream',
  '1/tool/0/pay in-hook BeforeToolCall',
  '1/tool/0/pay/approval while-waiting',
  '1/tool/0/pay before-effect',
  '1/tool/2/send after-effect',
  '1/tool/2/send after-record',
]

test('SIGKILL at a boundary of each kind: the run goes on', { timeout: 180_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-sigkill-'))
  const path = join(folder, 'runs.db')
  const effects = join(folder, 'world')
  const driver = sigkillDriver({
    spawn: (env) =>
      fork(CHILD, {
        env: { ...process.env, ...env, JOURNAL: path, EFFECTS: effects },
        execArgv: ['--conditions=holdfast-source'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      }),
    async respond(runId, waitId, answer) {
      const runs = sqliteRuns({ path })
      await runs.get(runId).respond(waitId, answer)
      await runs.close()
    },
    // By idempotency key, as a service that knows of such keys has them.
    effects(runId) {
      const lines = readFileSync(`${effects}.effects`, 'utf8').split('\n').filter(Boolean)
      const keys = lines.map((line) => (JSON.parse(line) as { key: string }).key)
      return [...new Set(keys.filter((key) => key.startsWith(`${runId}/`)))].sort()
    },
    dispose: async () => rmSync(folder, { recursive: true, force: true }),
  })
  const only = (point: { step: string; boundary: string; hook?: string }): boolean =>
    POINTS.includes([point.step, point.boundary, point.hook].filter(Boolean).join(' '))
  const report = await crashEverywhere(driver, { only })
  expect(String(report)).toBe('6 boundaries, 6 as without a crash')
})
