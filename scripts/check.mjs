// The fast checks, all of them at once; prints what failed and how long each took. `npm run check`.
import { spawn } from 'node:child_process'

const checks = {
  types: 'tsc --noEmit',
  'types of the core': 'tsc --noEmit -p tsconfig.core.json',
  biome: 'biome check --error-on-warnings',
  oxlint: 'oxlint --type-aware --deny-warnings src test examples',
  'unit tests': 'vitest run --project unit',
}

function run(name, command) {
  const started = performance.now()
  return new Promise((resolve) => {
    const child = spawn(command, { shell: true, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
    child.on('close', (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1)
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s): ${command}`)
      if (code !== 0) console.log(output)
      resolve(code === 0)
    })
  })
}

const results = await Promise.all(Object.entries(checks).map(([name, command]) => run(name, command)))
process.exitCode = results.every(Boolean) ? 0 : 1
