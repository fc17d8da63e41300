// Who may import whom: of what is built, by loading it; of the sources, by reading their import statements. Biome says the
// same while one types, but it cannot tell an import of types from one of values.
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const isCore = (file: string) => /^src\/(?!plugins\/|testing\/).+(?<!\.d)\.ts$/.test(file)
const core = globSync('src/**/*.ts', { cwd: root }).filter(isCore)
const plugins = globSync('src/plugins/*/**/*.ts', { cwd: root })
const testing = globSync('src/testing/**/*.ts', { cwd: root })
const typesOnly = ['@ai-sdk/provider', '@standard-schema/spec']

interface Import {
  /** From the root of the project, for a file of it; else the package. */
  readonly target: string
  readonly isType: boolean
}

const statement =
  /^(?:import|export)\s+(?:(type)\s+)?(?:[\w*{][^'";=]*?\sfrom\s+)?['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]\)/gm

function importsOf(file: string, folder: string = root): Import[] {
  const source = readFileSync(join(folder, file), 'utf8')
  return [...source.matchAll(statement)].map(([, type, named, dynamic]) => {
    const specifier = named ?? dynamic ?? ''
    const target = specifier.startsWith('.') ? join(dirname(file), specifier) : specifier
    return { target, isType: type !== undefined }
  })
}

/** The imports of the files that the rule refuses, as lines to read. */
function refused(files: string[], isAllowed: (found: Import, file: string) => boolean): string[] {
  return files.flatMap((file) =>
    importsOf(file)
      .filter((found) => !isAllowed(found, file))
      .map((found) => `${file} imports ${found.isType ? 'types of ' : ''}${found.target}`),
  )
}

const isTypesOnly = ({ target, isType }: Import) => isType && typesOnly.includes(target)

describe('sources', () => {
  test('the reader of import statements sees all forms of them', () => {
    const found = importsOf('test/imports.test.ts')
    expect(found).toContainEqual({ target: 'node:child_process', isType: false })
    expect(importsOf('src/machine.ts')).toContainEqual({ target: 'src/json.ts', isType: true })
    expect(core.length).toBeGreaterThan(10)
  })

  test('the core imports itself and types, and emittery in hook-bus.ts alone', () => {
    const bus = 'src/hooks/hook-bus.ts'
    expect(
      refused(core, (found, file) => {
        return isCore(found.target) || isTypesOnly(found) || (file === bus && found.target === 'emittery')
      }),
    ).toEqual([])
  })

  test('the machine knows nobody: helpers for JSON, digests and messages, and types of the contracts', () => {
    const machine = core.filter((file) => /^src\/machine(\/.*)?\.ts$/.test(file))
    expect(machine.length).toBeGreaterThan(2)
    const helpers = ['json', 'digest', 'message'].map((name) => `src/${name}.ts`)
    const contracts = ['spec', 'step', 'step-kinds', 'errors'].map((name) => `src/${name}.ts`)
    expect(
      refused(machine, ({ target, isType }) => {
        return machine.includes(target) || helpers.includes(target) || (isType && contracts.includes(target))
      }),
    ).toEqual([])
  })

  test('a plugin has the public names, errors and JSON of the core, and knows no other plugin', () => {
    const open = ['index', 'errors', 'json'].map((name) => `src/${name}.ts`)
    expect(
      refused(plugins, ({ target }, file) => {
        const own = file.split('/').slice(0, 3).join('/')
        return !target.startsWith('src/') || open.includes(target) || target.startsWith(`${own}/`)
      }),
    ).toEqual([])
  })

  test('the testing kit knows the core alone', () => {
    expect(
      refused(testing, (found) => {
        return isCore(found.target) || found.target.startsWith('src/testing/') || isTypesOnly(found)
      }),
    ).toEqual([])
  })

  test('what runs in the loop has no clock and no randomness', () => {
    // Not start.ts: it makes the id of a run for which neither the caller nor an engine gave one.
    const inLoop = core.filter(
      (file) => file !== 'src/loop/start.ts' && /^src\/(machine|step|(loop|hooks|machine)\/.*)\.ts$/.test(file),
    )
    const isDeterministic = (file: string) =>
      !/\bMath\.random\b|\bDate\.now\b|\bnew Date\(\)/.test(readFileSync(join(root, file), 'utf8'))
    expect(inLoop.length).toBeGreaterThan(4)
    expect(inLoop.filter((file) => !isDeterministic(file))).toEqual([])
  })
})

/** What each entry of the package may load besides files of its own room and the core. */
const allowed: { readonly [file: string]: RegExp } = {
  'index.js': /^emittery$/,
  'testing/index.js': /^$/,
  'plugins/sqlite/index.js': /^node:/,
  'plugins/temporal/index.js': /^@temporalio\/(workflow|common)$/,
  'plugins/temporal/worker.js': /^node:|^@temporalio\/(activity|common|plugin|worker)$/,
  'plugins/temporal/client.js': /^@temporalio\/(client|common)$/,
  'plugins/dapr/index.js': /^node:|^@dapr\/dapr(\/workflow\/internal\/.+)?$/,
  'plugins/lambda/index.js': /^node:|^@aws\/durable-execution-sdk-js$|^@aws-sdk\/client-lambda$/,
}
const CORE = 'chunks/core.js'

describe('what is built', () => {
  let built: string

  // A build of its own, of this very source; inside node_modules, so that emittery is found from there. Without Temporal's
  // workflow bundle, which takes longer than all the rest.
  beforeAll(() => {
    built = mkdtempSync(join(root, 'node_modules', '.imports-test-'))
    const tsdown = join(root, 'node_modules/tsdown/dist/run.mjs')
    const args = ['--out-dir', built, '--no-dts', '--logLevel', 'error', '--on-success', 'node --version']
    execFileSync(process.execPath, [tsdown, ...args], { cwd: root })
  }, 60_000)

  afterAll(() => rmSync(built, { recursive: true, force: true }))

  test('`holdfast` loads two files of its own and emittery, and nothing else', () => {
    const program = join(built, 'trace.mjs')
    writeFileSync(program, trace(pathToFileURL(join(built, 'index.js')).href))
    const output = execFileSync(process.execPath, [program], { encoding: 'utf8' })
    const loaded: string[] = JSON.parse(output)
    const emittery = pathToFileURL(join(root, 'node_modules/emittery/')).href
    expect(loaded.filter((url) => !url.startsWith(emittery))).toEqual(
      ['index.js', CORE].map((file) => pathToFileURL(join(built, file)).href),
    )
    expect(loaded.length).toBeGreaterThan(2)
  })

  test('nothing of the core is loaded later than at the start', () => {
    const isLate = (file: string) => /\bimport\(|\brequire\(/.test(readFileSync(join(built, file), 'utf8'))
    expect(['index.js', CORE].filter(isLate)).toEqual([])
  })

  test('the core is in one file, with nothing else in it', () => {
    const sources = sourcesOf(built, CORE)
    expect(sources).toContain('src/loop.ts')
    expect(sources.filter((file) => !isCore(file))).toEqual([])
    const elsewhere = globSync('**/*.js', { cwd: built }).filter(
      (file) => file !== CORE && sourcesOf(built, file).some(isCore),
    )
    expect(elsewhere).toEqual([])
  })

  test('each entry of the package is known here', () => {
    const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const entries = Object.values<string | { default: string }>(exports).flatMap((target) =>
      typeof target === 'string' ? [] : [target.default.replace('./dist/', '')],
    )
    expect(Object.keys(allowed).sort()).toEqual(entries.sort())
  })

  test.each(Object.keys(allowed))('%s loads the core, its own files and the packages of its engine', (entry) => {
    const files = filesOf(built, entry)
    const packages = files
      .flatMap((file) => importsOf(file, built))
      .filter(({ target }) => !isFile(target) && !(target === 'emittery' && files.includes(CORE)))
    expect(packages.filter(({ target }) => !allowed[entry]?.test(target))).toEqual([])
    expect(files).toContain(CORE)
    const room = `src/${entry.split('/').slice(0, -1).join('/')}`
    const isOwn = (file: string) => isCore(file) || file.startsWith(`${room}/`)
    expect(files.flatMap((file) => sourcesOf(built, file)).filter((file) => !isOwn(file))).toEqual([])
  })
})

/** Of the build, and not a file of a package. */
const isFile = (target: string): boolean => target.endsWith('.js') && !target.startsWith('@')

/** The files of the build that are loaded for one of them, itself among them. */
function filesOf(built: string, entry: string, known: string[] = []): string[] {
  if (known.includes(entry)) return known
  known.push(entry)
  for (const { target } of importsOf(entry, built)) if (isFile(target)) filesOf(built, target, known)
  return known
}

/** The sources that a file was made of. */
function sourcesOf(built: string, file: string): string[] {
  const map = join(built, `${file}.map`)
  // One that only names others.
  if (!existsSync(map)) return []
  const { sources } = JSON.parse(readFileSync(map, 'utf8')) as { sources: string[] }
  return sources.map((source) => relative(root, join(dirname(map), source)).replaceAll('\\', '/'))
}

/** A program that prints the address of each module that was resolved while `entry` was loaded. */
function trace(entry: string): string {
  return `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({
      resolve(specifier, context, next) {
        const result = next(specifier, context)
        loaded.push(result.url)
        return result
      },
    })
    await import(${JSON.stringify(entry)})
    console.log(JSON.stringify([...new Set(loaded)]))
  `
}
