/** The core in the workflow sandbox: what is built of it is bundled, small, and runs there. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { NativeConnection, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { agentOf, call, text, toolOf } from '../../support/kit.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
let built: string
let world: TemporalWorld

// Inside node_modules, so that what it imports is found from there.
beforeAll(async () => {
  built = mkdtempSync(join(root, 'node_modules', '.temporal-test-'))
  const tsdown = join(root, 'node_modules/tsdown/dist/run.mjs')
  execFileSync(process.execPath, [tsdown, '--out-dir', built, '--no-dts', '--logLevel', 'error'], { cwd: root })
  world = await temporalWorld()
}, 120_000)

afterAll(async () => {
  await world.close()
  rmSync(built, { recursive: true })
})

test('a worker of what is built is ready in under 2 s with the bundle that is shipped, and a run goes through it', async () => {
  expect(statSync(join(built, 'plugins/temporal/workflow-bundle.js')).size).toBeLessThan(4_000_000)
  const { HoldfastPlugin } = (await import(
    pathToFileURL(join(built, 'plugins/temporal/worker.js')).href
  )) as typeof import('../../../src/plugins/temporal/worker.ts')
  const agent = agentOf([call('look'), text('done')], { name: 'shipped', tools: [toolOf('look')] })
  const connection = await NativeConnection.connect({ address: inject('temporal').address })
  const started = performance.now()
  const worker = await Worker.create({
    connection,
    taskQueue: world.taskQueue,
    plugins: [new HoldfastPlugin({ agents: [agent] })],
  })
  const took = performance.now() - started
  console.log(`a worker is ready after ${took.toFixed(0)} ms`)
  const done = worker.run()
  const run = await world.runs.start(agent, 'go', { runId: 'shipped' })
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'done' })
  worker.shutdown()
  await done
  await connection.close()
  expect(took).toBeLessThan(2_000)
})

test('the sandbox loads the whole of the core, and nothing of Node', async () => {
  const index = pathToFileURL(join(built, 'plugins/temporal/index.js')).href
  const program = `
    import { registerHooks } from 'node:module'
    const builtins = []
    registerHooks({ resolve(specifier, context, next) {
      const result = next(specifier, context)
      if (result.url.startsWith('node:') && context.parentURL?.startsWith(${JSON.stringify(pathToFileURL(built).href)})) builtins.push(specifier)
      return result
    } })
    const loaded = await import(${JSON.stringify(index)})
    console.log(JSON.stringify({ builtins, names: Object.keys(loaded).sort() }))
  `
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' })
  expect(JSON.parse(output)).toEqual({
    builtins: [],
    names: ['agentWorkflow', 'runAgentWorkflow', 'temporalDurabilityPlugin'],
  })
})
