// Installs the dependencies of a clone, once for each package-lock.json, also where two processes ask for it at once.
// A part of bootstrap.mjs: runs on Node 18, without dependencies.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const windows = process.platform === 'win32'

function read(...path) {
  try {
    return readFileSync(join(...path), 'utf8').trim()
  } catch {
    return undefined
  }
}

export async function installDependencies(root) {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex')
  // npm deletes it together with what was installed.
  const stamp = join(root, 'node_modules', '.holdfast-lock-sha256')
  const lock = join(root, '.bootstrap-lock')
  if (read(stamp) === wanted) return
  await takeLock(lock)
  const release = () => rmSync(lock, { recursive: true, force: true })
  process.on('exit', release)
  if (read(stamp) !== wanted) {
    console.error('bootstrap: installing the dependencies (npm ci) …')
    npm(root, ['ci', '--include=dev'], isOldNode() ? installNode(root, join(lock, 'node')) : [])
    writeFileSync(stamp, wanted)
  }
  release()
  process.off('exit', release)
}

/**
 * The lock is a folder with the owner's pid in it, made aside and renamed into place, so it is never seen without the
 * pid. That of a dead process is renamed away to a name that holds its pid: only one of those who saw it dead can.
 */
async function takeLock(lock) {
  const mine = `${lock}-${process.pid}`
  let isTold = false
  mkdirSync(mine, { recursive: true })
  writeFileSync(join(mine, 'pid'), String(process.pid))
  while (!tryRename(mine, lock)) {
    const owner = Number(read(lock, 'pid'))
    const dead = `${lock}-dead-${owner}`
    if (owner > 0 && !isAlive(owner) && tryRename(lock, dead)) {
      rmSync(dead, { recursive: true })
      continue
    }
    if (!isTold) console.error(`bootstrap: waiting for process ${owner}; if it is no bootstrap, delete ${lock}`)
    isTold = true
    await new Promise((resolve) => setTimeout(resolve, 100))
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

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** npm leaves out optional dependencies (the compiled part of a tool) that the Node it runs on is too old for. */
function isOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return major < 22 || (major === 22 && minor < 13)
}

/** The Node of the project, in a folder of its own, for npm itself to run on; gives what to put into PATH. */
function installNode(root, folder) {
  const { devDependencies, allowScripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  mkdirSync(folder)
  const manifest = { private: true, dependencies: { node: devDependencies.node }, allowScripts }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  npm(folder, ['install', '--no-package-lock'], [])
  return [join(folder, 'node_modules', '.bin')]
}

function npm(cwd, command, firstPaths) {
  // Not with a Node from the node_modules that npm is about to delete, which `npm run` has put first in PATH.
  const paths = process.env.PATH.split(delimiter).filter((path) => !/node_modules[\\/]\.bin$/.test(path))
  const env = { ...process.env, PATH: [...firstPaths, ...paths].join(delimiter) }
  const args = [...command, '--loglevel=error', '--no-progress', '--no-fund', '--no-audit']
  const stdio = ['ignore', 'pipe', 'pipe']
  const done = spawnSync('npm', args, { cwd, env, encoding: 'utf8', shell: windows, stdio })
  if (done.status === 0) return
  console.error(`${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}`)
  throw new Error(`npm ${command[0]} failed, see above. Is the registry reachable (npm ping)? Then run this again.`)
}
