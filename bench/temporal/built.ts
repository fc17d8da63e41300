/** Holdfast as it is shipped, with the bundle of the ready-made workflow: that is what is measured. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Built {
  readonly holdfast: typeof import('../../src/index.ts')
  readonly client: typeof import('../../src/plugins/temporal/client.ts')
  readonly worker: typeof import('../../src/plugins/temporal/worker.ts')
}

/** Gives the folder. Inside node_modules, so that what it imports is found from there. */
export function build(): string {
  const folder = mkdtempSync(join(root, 'node_modules', '.bench-temporal-'))
  const tsdown = join(root, 'node_modules/tsdown/dist/run.mjs')
  execFileSync(process.execPath, [tsdown, '--out-dir', folder, '--no-dts', '--logLevel', 'error'], { cwd: root })
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export async function load(folder: string): Promise<Built> {
  const from = async (path: string): Promise<unknown> => import(pathToFileURL(join(folder, path)).href)
  const [holdfast, client, worker] = await Promise.all(
    ['index.js', 'plugins/temporal/client.js', 'plugins/temporal/worker.js'].map(from),
  )
  return { holdfast, client, worker } as Built
}
