// The three programs of Dapr that the tests, the example and the benchmark start: those in the folder that DAPR_BIN names,
// or in PATH; else built from the Go modules that go.mod pins, into .engines/, which git ignores.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, constants, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NAMES = ['daprd', 'placement', 'scheduler']
const suffix = process.platform === 'win32' ? '.exe' : ''
const module = fileURLToPath(new URL('.', import.meta.url))
const engines = fileURLToPath(new URL('../../.engines', import.meta.url))

/** Paths of `daprd`, `placement` and `scheduler`; builds them where they are missing, which takes minutes the first time. */
export function daprBinaries() {
  const { DAPR_BIN, PATH = '' } = process.env
  if (DAPR_BIN) return inFolder(DAPR_BIN) ?? fail(`DAPR_BIN names ${DAPR_BIN}, which lacks one of ${NAMES.join(', ')}`)
  for (const folder of PATH.split(delimiter)) {
    const found = folder && inFolder(folder)
    if (found) return found
  }
  const pins = createHash('sha256')
  for (const file of ['go.mod', 'go.sum', 'daprd/main.go']) pins.update(readFileSync(join(module, file)))
  const folder = join(engines, `dapr-${pins.digest('hex').slice(0, 12)}`)
  return inFolder(folder) ?? build(folder)
}

function build(folder) {
  const { error } = spawnSync('go', ['version'])
  if (error) fail('Dapr is built from its Go modules, and there is no Go. Install Go 1.26 or later, or run `dapr init`')
  console.error('dapr: building daprd, placement and scheduler; some minutes, once …')
  mkdirSync(dirname(folder), { recursive: true })
  // Whole or not at all, also where two processes build at once.
  const part = mkdtempSync(`${folder}-part-`)
  const commands = ['placement', 'scheduler'].map((name) => `github.com/dapr/dapr/cmd/${name}`)
  const args = ['build', '-ldflags=-s -w', '-o', `${part}/`, './daprd', ...commands]
  const { status } = spawnSync('go', args, { cwd: module, stdio: 'inherit' })
  try {
    if (status !== 0) fail('go build failed, see above. Can Go fetch modules (go env GOPROXY)?')
    try {
      renameSync(part, folder)
    } catch (cause) {
      if (!inFolder(folder)) throw cause
    }
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
  return inFolder(folder) ?? fail(`go build left no programs in ${folder}`)
}

function inFolder(folder) {
  const paths = NAMES.map((name) => join(folder, name + suffix))
  try {
    for (const path of paths) accessSync(path, constants.X_OK)
  } catch {
    return undefined
  }
  const [daprd, placement, scheduler] = paths
  return { daprd, placement, scheduler }
}

function fail(message) {
  throw new Error(`dapr: ${message}.`)
}
