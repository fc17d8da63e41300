/** What `holdfast` costs before it does anything: time to import the build, size of a bundle. Prints a {@link Section} as JSON. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { interleave, median } from './measure.ts'
import type { Section } from './report.ts'
import { atMost } from './report.ts'

const here = dirname(fileURLToPath(import.meta.url))
const root = dirname(here)
const built = join(here, '.build')
const ROUNDS = 21

execFileSync(join(root, 'node_modules', '.bin', 'tsdown'), ['--out-dir', built, '--no-dts', '--logLevel', 'error'], {
  cwd: root,
})

/** Milliseconds from the start of a process to its end. */
function takeProcess(code: string): number {
  const start = performance.now()
  execFileSync(process.execPath, ['--input-type=module', '--eval', code], { cwd: here })
  return performance.now() - start
}

/** Gives the bundle's path, and its size as text. */
async function bundle(entry: string, name: string): Promise<{ url: string; sizes: string }> {
  const outfile = join(built, name)
  await build({
    entryPoints: [join(built, entry)],
    outfile,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'es2024',
  })
  const bytes = readFileSync(outfile)
  const kilobytes = [bytes, gzipSync(bytes)].map(({ length }) => (length / 1000).toFixed(1))
  return { url: pathToFileURL(outfile).href, sizes: kilobytes.join(', ') }
}

const core = await bundle('index.js', 'bundle-of-core.js')
const sqlite = await bundle(join('plugins', 'sqlite', 'index.js'), 'bundle-of-sqlite.js')

const imports: Record<string, string> = {
  'bare Node': '',
  holdfast: pathToFileURL(join(built, 'index.js')).href,
  'holdfast, bundled into one file': core.url,
  'holdfast/sqlite': pathToFileURL(join(built, 'plugins', 'sqlite', 'index.js')).href,
  emittery: 'emittery',
  ai: 'ai',
  '@strands-agents/sdk': '@strands-agents/sdk',
  openworkflow: 'openworkflow',
}

const taken = await interleave(
  Object.entries(imports).map(([name, url]) => ({ name, take: () => takeProcess(url && `await import('${url}')`) })),
  ROUNDS,
)
const bare = taken.get('bare Node') ?? []
const over = (name: string): number => median((taken.get(name) ?? []).map((value, round) => value - (bare[round] ?? 0)))

const section: Section = {
  title: 'Import and size',
  about:
    'Milliseconds of a whole process that imports the module, over those of one that imports nothing; bundles with emittery in them.',
  columns: ['', 'ms over bare Node; kB minified, gzipped'],
  rows: [
    ...Object.keys(imports)
      .slice(1)
      .map((name) => [`import of ${name}`, over(name).toFixed(1)]),
    ['bare Node itself', median(bare).toFixed(1)],
    ['bundle of holdfast', core.sizes],
    ['bundle of holdfast/sqlite, with what it uses of holdfast', sqlite.sizes],
  ],
  targets: [atMost('import of holdfast over bare Node', over('holdfast'), 15, ' ms')],
}
console.log(JSON.stringify(section))
