/** The command line: what it prints, and what it exits with. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const BIN = fileURLToPath(new URL('../../bin/holdfast-conformance.js', import.meta.url))
const module = (name: string): string => fileURLToPath(new URL(`./support/${name}.ts`, import.meta.url))

function conformance(...args: string[]): Promise<{ code: number | string; out: string; err: string }> {
  const all = ['--conditions=holdfast-source', BIN, ...args]
  return new Promise((resolve) => {
    execFile(process.execPath, all, (error, out, err) => resolve({ code: error?.code ?? 0, out, err }))
  })
}

test('an honest plugin: a table, and 0', async () => {
  const { code, out } = await conformance(module('map-module'), '--only', 'waits: together')
  expect(out).toBe(
    [
      "plugin 'map'",
      '-    waits: together  does not claim waits',
      '0 passed, 0 failed, 1 not claimed: it does what it claims',
      '',
    ].join('\n'),
  )
  expect(code).toBe(0)
})

test('markdown, for a README', async () => {
  const { code, out } = await conformance(module('map-module'), '--markdown', '--only', 'codec')
  expect(out).toBe('| clause | map |\n|---|---|\n| codec: values | yes |\n| codec: no JSON | yes |\n')
  expect(code).toBe(0)
})

test('a plugin that claims what it does not do: the clause, how it is broken, and 1', async () => {
  const { code, out } = await conformance(module('faulty-module'), '--only', 'a finished run')
  expect(out).toContain('FAIL replay: a finished run  A run that is finished gives its result again')
  expect(out).toContain('what was done in all')
  expect(code).toBe(1)
})

test('JSON', async () => {
  const { code, out } = await conformance(module('plugin-module'), '--json', '--only', 'names')
  expect(JSON.parse(out)).toMatchObject({ plugin: 'counter', ok: true, results: [{ status: 'passed' }] })
  expect(code).toBe(0)
})

test('nothing to test: what is wrong, and 2', async () => {
  expect(await conformance()).toMatchObject({
    code: 2,
    err: expect.stringContaining('holdfast-conformance ./plugin.js'),
  })
  const { code, err } = await conformance('./nowhere.js')
  expect([code, err]).toEqual([2, expect.stringContaining("./nowhere.js can't be loaded")])
  expect((await conformance('plugin.js', '--nonsense')).code).toBe(2)
})
