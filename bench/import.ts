/** What `holdfast` costs before it does anything: time to import the build, size of a bundle. Prints a {@link Section} as JSON. */
import { execFileSync } from 'node:child_process'
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

const imports: Record<string, string> = {
  'bare Node': '',
  holdfast: pathToFileURL(join(built, 'index.js')).href,
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

async function sizesOf(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [join(built, entry)],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'es2024',
    write: false,
  })
  const bytes = result.outputFiles[0]?.contents ?? new Uint8Array()
  return `${(bytes.length / 1024).toFixed(1)}, ${(gzipSync(bytes).length / 1024).toFixed(1)}`
}

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
    ['bundle of holdfast', await sizesOf('index.js')],
    ['bundle of holdfast/sqlite with holdfast', await sizesOf('plugins/sqlite/index.js')],
  ],
  targets: [atMost('import of holdfast over bare Node', over('holdfast'), 15, ' ms')],
}
console.log(JSON.stringify(section))
