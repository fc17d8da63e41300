/** The command line: what it prints, and what it exits with. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

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

const folder = mkdtempSync(join(tmpdir(), 'holdfast-cli-'))
afterAll(() => rmSync(folder, { recursive: true }))

test.each([
  ['exports nothing', '', "exports no function 'create'"],
  ['throws', "export const create = () => { throw new Error('no disk') }", 'create() of'],
  ['gives nothing', 'export const create = () => {}', 'create() gives neither an EngineUnderTest nor a plugin'],
  [
    'gives a durability plugin bare',
    "export const create = () => ({ name: 'mine', durability: { supports: {} } })",
    "'mine' is a durability plugin: let create() give an engine",
  ],
  [
    'starts what is no durability plugin',
    "export const create = () => ({ start: () => ({ name: 'mine' }) })",
    'start() gives no durability plugin',
  ],
  [
    'claims what there is not',
    "export const create = () => ({ start: () => ({ name: 'mine', durability: { supports: { wait: true } } }) })",
    "the plugin claims 'wait', which nobody knows",
  ],
  [
    'can not start',
    "export const create = () => ({ start: () => Promise.reject(new Error('no disk')) })",
    'start() of',
  ],
])('a module that %s: what is wrong, and 2', async (_, code, message) => {
  const path = join(folder, 'module.mjs')
  writeFileSync(path, code)
  const { code: exit, out, err } = await conformance(path)
  expect([exit, out, err]).toEqual([2, '', expect.stringContaining(message)])
})

test('options that fit nothing: what is wrong, and 2', async () => {
  const none = await conformance(module('map-module'), '--only', 'wiats')
  expect(none).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/^no case has 'wiats' in its name/) })
  expect(none.err).toContain('\nwaits: together\n')
  const { code, err } = await conformance(module('map-module'), '--timeout', '1m')
  expect([code, err]).toEqual([2, expect.stringContaining("not '1m'")])
})
