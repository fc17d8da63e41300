/** The emulator of AWS Lambda Durable Execution, from PyPI, in .engines/, which git ignores: set up once for its pins. */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const PINS = ['aws-durable-execution-sdk-python-testing==1.4.0', 'aws-durable-execution-sdk-python==3.0.0']
const engines = fileURLToPath(new URL('../../../.engines', import.meta.url))

// Failed invocations are tried again at once, and as often as a test needs: the service waits longer and gives up later.
const START = `
import sys
from aws_durable_execution_sdk_python_testing.executor import Executor
from aws_durable_execution_sdk_python_testing.cli import main
Executor.RETRY_BACKOFF_SECONDS = 0
Executor.MAX_CONSECUTIVE_FAILED_ATTEMPTS = 1000
sys.exit(main())
`

export interface EmulatorOptions {
  /** The address of the Invoke API that it calls. */
  readonly lambda: string
  /** Its timers are over at once. */
  readonly skipTime?: boolean
  /** A file that outlives it. */
  readonly store?: string
}

export interface Emulator {
  readonly url: string
  stop(): Promise<void>
}

/** The Python that has the emulator; sets it up where it is missing. Throws where there is no python3. */
function emulatorPython(): string {
  const version = spawnSync('python3', ['--version'], { encoding: 'utf8' })
  if (version.status !== 0) {
    throw new Error('the emulator of Lambda needs python3 (3.11 or newer, with venv and pip) in PATH: there is none')
  }
  const hash = createHash('sha256')
    .update(JSON.stringify([PINS, version.stdout]))
    .digest('hex')
  const folder = join(engines, `lambda-${hash.slice(0, 12)}`)
  const python = join(folder, 'bin', 'python3')
  if (existsSync(join(folder, 'ready'))) return python
  console.error(`setting up the emulator of Lambda (${PINS.join(', ')}) …`)
  mkdirSync(engines, { recursive: true })
  const made = mkdtempSync(join(engines, 'lambda-new-'))
  try {
    command('python3', ['-m', 'venv', made])
    command(join(made, 'bin', 'python3'), ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...PINS])
    writeFileSync(join(made, 'ready'), '')
    // Another process may have been faster: then its folder is as good.
    if (!existsSync(join(folder, 'ready'))) {
      rmSync(folder, { recursive: true, force: true })
      renameSync(made, folder)
    }
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
  return python
}

/** Starts an emulator on a free port of this machine. */
export async function startEmulator({ lambda, skipTime = true, store }: EmulatorOptions): Promise<Emulator> {
  const python = emulatorPython()
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const args = ['start-server', '--host', '127.0.0.1', '--port', String(port), '--log-level', 'CRITICAL']
  args.push('--lambda-endpoint', lambda, '--local-runner-endpoint', url)
  if (skipTime) args.push('--skip-time')
  if (store) args.push('--store-type', 'sqlite', '--store-path', store)
  const env = { ...process.env, AWS_ACCESS_KEY_ID: 'none', AWS_SECRET_ACCESS_KEY: 'none', AWS_REGION: 'us-west-2' }
  const child = spawn(python, ['-c', START, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (data) => {
    said = (said + data).slice(-4_000)
  })
  const end = (): void => void child.kill('SIGKILL')
  process.on('exit', end)
  let ended = false
  const gone = new Promise<void>((resolve) => child.on('close', () => resolve())).then(() => {
    ended = true
  })
  for (const until = Date.now() + 60_000; !(await isHealthy(url)); await sleep(50)) {
    if (!ended && Date.now() < until) continue
    end()
    throw new Error(`the emulator of Lambda did not start: ${said}`)
  }
  return {
    url,
    async stop() {
      process.off('exit', end)
      end()
      await gone
    },
  }
}

function command(name: string, args: readonly string[]): void {
  const done = spawnSync(name, args, { encoding: 'utf8' })
  if (done.status === 0) return
  throw new Error(`${name} ${args.join(' ')} failed: ${done.stderr ?? ''}${done.error?.message ?? ''}`)
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`)).ok
  } catch {
    return false
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { readonly port: number }
      server.close(() => resolve(port))
    })
  })
}
