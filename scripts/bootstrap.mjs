// node scripts/bootstrap.mjs [-- command …]: installs the dependencies where they are missing or out of date, then runs
// the command on the Node that npm installed. It is all the set-up that a clean clone needs, so it runs on Node 18
// and has no dependencies.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installDependencies } from './install.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = join(root, 'node_modules', '.bin')
const windows = process.platform === 'win32'

let child
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (!child) process.exit(1)
    // A terminal sends Ctrl-C to the child as well, and to many tools the second one means "now".
    else if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
  })
}

function fail(message) {
  console.error(`bootstrap: ${message}`)
  process.exit(1)
}

function run(command, args) {
  if (!existsSync(join(bin, windows ? 'node.cmd' : 'node'))) {
    fail('npm did not run the install script of the package `node`: npm rebuild node --ignore-scripts=false')
  }
  const env = { ...process.env, PATH: [bin, process.env.PATH].join(delimiter) }
  child = spawn(command, args, { stdio: 'inherit', env, shell: windows })
  child.on('error', (error) => fail(`${command}: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

await installDependencies(root).catch((error) => fail(error.message))
const [separator, command, ...args] = process.argv.slice(2)
if (separator === '--' && command) run(command, args)
