// What the scripts share: run a command, tell how it ended.
import { spawnSync } from 'node:child_process'

/** Runs a command line with its output shown; gives its exit code, 1 where a signal ended it. */
export function run(command, env = {}) {
  console.log(`\n> ${command}`)
  const { status } = spawnSync(command, { shell: true, stdio: 'inherit', env: { ...process.env, ...env } })
  return status ?? 1
}

/** Runs command lines until one fails, whose exit code is then that of this process. */
export function runAll(commands, env) {
  for (const command of commands) {
    process.exitCode = run(command, env)
    if (process.exitCode !== 0) return
  }
}
