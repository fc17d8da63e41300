/** The plugin that is not ours, as its author would test it: in its own package, with its own runner. */
import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { installDependencies } from '../../scripts/install.mjs'

const root = join(import.meta.dirname, '..', '..')
const folder = join(root, 'examples', 'third-party-plugin')

beforeAll(() => installDependencies(folder), 120_000)

it('is of the right types', async () => {
  const { code, output } = await run(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--noEmit')
  expect(output).toBe('')
  expect(code).toBe(0)
}, 60_000)

it('imports public entries alone, and the plugin has less than 100 lines', () => {
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.ts'))) {
    const source = readFileSync(join(folder, file), 'utf8')
    for (const [, specifier] of source.matchAll(/ from '([^']+)'/g)) {
      expect(specifier, file).toMatch(/^(holdfast|holdfast\/testing|openworkflow(\/\w+)?|node:[\w/]+|\.\/[\w-]+\.ts)$/)
    }
  }
  expect(readFileSync(join(folder, 'openworkflow-plugin.ts'), 'utf8').trimEnd().split('\n').length).toBeLessThan(100)
})

it('passes the conformance kit for all that it claims, and its worker may be killed', async () => {
  const { code, output } = await run(
    '--conditions=holdfast-source',
    '--test',
    '--test-force-exit',
    '--test-reporter=tap',
  )
  expect(output).not.toMatch(/^\s*not ok/m)
  expect(code).toBe(0)
  expect(output).toMatch(/^\s*ok \d+ - crash everywhere: approvals$/m)
  expect(output).toMatch(/^\s*ok \d+ - two workers are killed with SIGKILL/m)
}, 240_000)

function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (data) => (output += data))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}
