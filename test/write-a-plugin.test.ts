/** The guide is true: each file in it is of the right types and does what it says, its kit certifies its engine. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const guide = readFileSync(join(root, 'docs', 'write-a-plugin.md'), 'utf8')
const files = [...guide.matchAll(/```ts\n\/\/ file: (\S+)\n([\s\S]*?)```/g)].map(([, name = '', code = '']) => ({
  name,
  code,
}))

// In the repository, so that `holdfast` is this package. Names of folders that git ignores.
mkdirSync(join(root, '.reports'), { recursive: true })
const folder = mkdtempSync(join(root, '.reports', 'guide-'))
for (const { name, code } of files) writeFileSync(join(folder, name), code)
afterAll(() => rmSync(folder, { recursive: true }))

function node(...args: string[]): Promise<{ code: number | string; output: string }> {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env
  return new Promise((resolve) => {
    const all = ['--conditions=holdfast-source', ...args]
    execFile(process.execPath, all, { cwd: folder, env }, (error, out, err) => {
      resolve({ code: error ? (error.code ?? 'killed') : 0, output: out + err })
    })
  })
}

test('each block of TypeScript is a file, or is shown from one', () => {
  const blocks = [...guide.matchAll(/```ts\n(.*)\n/g)].map(([, first]) => first)
  expect(blocks.filter((first) => !/^\/\/ (file: )?\S+\.ts$/.test(first ?? ''))).toEqual([])
  expect(new Set(files.map(({ name }) => name)).size).toBe(files.length)
  expect(files.length).toBeGreaterThan(15)
})

describe.concurrent('a file of the guide', () => {
  const programs = files.filter(({ name }) => !name.endsWith('.test.ts'))
  test.each(programs)(
    '$name runs, and prints what it says that it prints',
    { timeout: 60_000 },
    async ({ name, code }) => {
      const said = [...code.matchAll(/console\.log\(.*\) \/\/ (.*)\n/g)].map(([, text]) => `${text}\n`)
      expect(await node(name)).toEqual({ code: 0, output: said.join('') })
    },
  )

  test('all are of the right types', { timeout: 60_000 }, async () => {
    const config = { extends: '../../tsconfig.json', include: ['*.ts'], exclude: [] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const { output } = await node(join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '--noEmit', '-p', folder)
    expect(output.split('\n').filter((line) => !line.startsWith('../../') && !line.startsWith(' '))).toEqual([''])
  })

  test('node:test certifies the engine', { timeout: 120_000 }, async () => {
    const { code, output } = await node('--test', '--test-force-exit', '--test-reporter=tap', 'shelf.test.ts')
    expect(output).not.toMatch(/^\s*not ok/m)
    expect(output).toMatch(/^\s*ok \d+ - crash everywhere: approvals$/m)
    expect(code).toBe(0)
  })

  test('so does the command line', { timeout: 60_000 }, async () => {
    const cli = join(root, 'bin', 'holdfast-conformance.js')
    const { code, output } = await node(cli, './engine-under-test.ts', '--only', 'waits')
    expect(output).toMatch(/^plugin 'shelf'\nok {3}waits: together\n/)
    expect(output).toContain('it does what it claims')
    expect(code).toBe(0)
  })
})
