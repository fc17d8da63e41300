// node scripts/bootstrap.mjs [-- command …]: installs the dependencies where they are missing or out of date, then runs
// the command on the Node that npm installed. It is all the set-up a clean clone needs, and so it runs on Node 18
// and has no dependencies.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'node_modules', '.bin')
const stamp = join(root, 'node_modules', '.holdfast-lock-sha256')
const lock = join(root, '.bootstrap-lock')
const windows = process.platform === 'win32'
const paths = (process.env.PATH ?? '').split(delimiter)

function fail(message) {
  console.error(`bootstrap: ${message}`)
  process.exit(1)
}

function read(path) {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return undefined
  }
}

const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')
const isInstalled = () => read(stamp) === wanted

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

function tryRename(from, to) {
  try {
    renameSync(from, to)
    return true
  } catch {
    return false // `to` exists and is not empty: somebody else was first
  }
}

// The lock is a folder with the owner's pid in it, made aside and renamed into place, so it is never seen without
// the pid. That of a dead process is renamed away to a name that holds its pid: only one of those who saw it dead can.
async function install() {
  const mine = `${lock}-${process.pid}`
  let isTold = false
  mkdirSync(mine, { recursive: true })
  writeFileSync(join(mine, 'pid'), String(process.pid))
  while (!tryRename(mine, lock)) {
    const owner = Number(read(join(lock, 'pid')))
    const dead = `${lock}-dead-${owner}`
    if (owner > 0 && !isAlive(owner) && tryRename(lock, dead)) rmSync(dead, { recursive: true })
    else await new Promise((resolve) => setTimeout(resolve, 100))
    if (!isTold) console.error(`bootstrap: waiting for process ${owner}; if it is no bootstrap, delete ${lock}`)
    isTold = true
  }
  process.on('exit', () => rmSync(lock, { recursive: true, force: true }))
  if (!isInstalled()) runNpmCi()
  rmSync(lock, { recursive: true })
}

function runNpmCi() {
  console.error('bootstrap: installing the dependencies (npm ci) …')
  // Not with a Node from the node_modules that npm is about to delete, which `npm run` has put first in PATH.
  const env = { ...process.env, PATH: paths.filter((path) => !/node_modules[\\/]\.bin$/.test(path)).join(delimiter) }
  const args = ['ci', '--include=dev', '--loglevel=error', '--no-progress', '--no-fund', '--no-audit']
  const stdio = ['ignore', 'pipe', 'pipe']
  const npm = spawnSync('npm', args, { cwd: root, env, encoding: 'utf8', shell: windows, stdio })
  if (npm.status !== 0) {
    console.error(`${npm.stdout ?? ''}${npm.stderr ?? ''}${npm.error?.message ?? ''}`)
    fail('npm ci failed. See above; is the registry reachable (npm ping)? Then run the same command again.')
  }
  writeFileSync(stamp, wanted)
}

let child
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (!child) process.exit(1)
    // A terminal sends Ctrl-C to the child as well, and to many tools the second one means "now".
    else if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
  })
}

function run(command, args) {
  if (!existsSync(join(bin, windows ? 'node.cmd' : 'node'))) {
    fail('npm did not run the install script of the package `node`: npm rebuild node --ignore-scripts=false')
  }
  const env = { ...process.env, PATH: [bin, ...paths].join(delimiter) }
  child = spawn(command, args, { stdio: 'inherit', env, shell: windows })
  child.on('error', (error) => fail(`${command}: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

if (!isInstalled()) await install()
const [separator, command, ...args] = process.argv.slice(2)
if (separator === '--' && command) run(command, args)
