/** The plugin in an agent: what it says of itself, exits, disposal, divergence, replay. */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { withInput } from 'holdfast'
import { expect, onTestFinished, test } from 'vitest'
import { sqliteDurabilityPlugin, sqliteRuns } from '../../../src/plugins/sqlite/index.ts'
import { agentOf, call, calls, failureOf, hooksOf, scriptedModel, text, toolOf } from '../../support/kit.ts'
import { tempDir, tempPath } from './support.ts'

function pluginAt(path: string) {
  const plugin = sqliteDurabilityPlugin({ path })
  onTestFinished(() => plugin.dispose?.())
  return plugin
}

test('nothing is opened before the first run', async () => {
  const path = tempPath()
  const plugin = pluginAt(path)
  expect(existsSync(path)).toBe(false)
  const agent = agentOf([text('hi')], { use: [plugin] })
  expect((await agent.run('go', { runId: 'r' })).text).toBe('hi')
  expect(existsSync(path)).toBe(true)
  await plugin.dispose?.()
  expect(readdirSync(dirname(path))).toEqual(['runs.db'])
})

test('a file that is no journal rejects the run, and says so', async () => {
  const agent = agentOf([text('hi')], { use: [pluginAt(join(tempDir(), 'nowhere', 'runs.db'))] })
  expect(await failureOf(agent.run('go', { runId: 'r' }))).toMatchObject({ code: 'JOURNAL_UNUSABLE' })
})

test('two agents with plugins of their own on one path: one run of an id at a time', async () => {
  const path = tempPath()
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const tools = [toolOf('a', { execute: () => held.then(() => 'a') })]
  const agents = [1, 2].map(() => agentOf([call('a', {}), text('done')], { tools, use: [pluginAt(path)] }))
  const first = agents[0]?.run('go', { runId: 'r' })
  expect(await failureOf(agents[1]?.run('go', { runId: 'r' }) as Promise<unknown>)).toMatchObject({
    code: 'RUN_LOCKED',
  })
  expect(await failureOf(agents[1]?.run('else', { runId: 'r' }) as Promise<unknown>)).toMatchObject({
    code: 'RUN_CONFLICT',
  })
  release()
  expect((await first)?.text).toBe('done')
  expect((await agents[1]?.run('go', { runId: 'r' }))?.text).toBe('done')
})

test('a run that has ended is not run again, and gives the very same result', async () => {
  const path = tempPath()
  const model = scriptedModel([text('once')])
  const agent = agentOf(model, { use: [pluginAt(path)] })
  const result = await agent.run('go', { runId: 'r' })
  expect(await agentOf(model, { use: [pluginAt(path)] }).run('go', { runId: 'r' })).toEqual(result)
  expect(model.calls).toHaveLength(1)
})

test('a hook that changed is a divergence: the run is blocked, its history whole, and the old code goes on', async () => {
  const path = tempPath()
  const version = (n: number) =>
    agentOf([call('a', {}), call('b', {}), text('done')], {
      tools: [toolOf('a'), toolOf('b', { approval: true })],
      use: [
        pluginAt(path),
        hooksOf('tuner', {
          BeforeToolCall: (event) => {
            if (event.step.name === 'a') event.step = withInput(event.step, { n } as never)
          },
        }),
      ],
    })
  const runs = sqliteRuns({ path })
  expect((await version(1).run('go', { runId: 'r' })).status).toBe('waiting')
  const details = { step: '1/tool/0/a', plugins: ['tuner'] }
  expect(await failureOf(version(2).run('go', { runId: 'r' }))).toMatchObject({ code: 'DIVERGED', details })
  expect(await runs.get('r').status()).toMatchObject({ status: 'blocked', error: { code: 'DIVERGED' } })
  await runs.get('r').respond('2/tool/0/b/approval', { approved: true })
  expect((await version(1).run('go', { runId: 'r' })).text).toBe('done')
  await runs.close()
})

test('disposed in the middle, the run ends with an error, and can be taken up from the record', async () => {
  const path = tempPath()
  const plugin = pluginAt(path)
  const tools = [
    toolOf('a'),
    toolOf('b', {
      execute: async () => {
        await plugin.dispose?.()
        return 'b'
      },
    }),
  ]
  const agent = agentOf([calls(call('a', {}), call('b', {})), text('done')], { tools, use: [plugin] })
  expect(await failureOf(agent.run('go', { runId: 'r' }))).toMatchObject({
    code: expect.stringMatching(/ENGINE_UNAVAILABLE|NO_ENGINE_CONTEXT/),
  })
  const again = agentOf([calls(call('a', {}), call('b', {})), text('done')], {
    tools: [toolOf('a'), toolOf('b')],
    use: [pluginAt(path)],
  })
  expect((await again.run('go', { runId: 'r' })).text).toBe('done')
})

test('a process whose runs have ended ends by itself', () => {
  const program = `
    import { Agent } from 'holdfast'
    import { sqliteDurabilityPlugin, sqliteRuns } from '${join(import.meta.dirname, '../../../src/plugins/sqlite/index.ts')}'
    import { scriptedModel } from '${join(import.meta.dirname, '../../../src/testing/scripted-model.ts')}'
    const path = process.argv[1]
    const agent = new Agent({ name: 'main', model: scriptedModel([{ type: 'text', text: 'bye' }]) })
    agent.use(sqliteDurabilityPlugin({ path }))
    const handle = await sqliteRuns({ path }).start(agent, 'go', { runId: 'r' })
    console.log((await handle.result()).text)
  `
  const args = ['--conditions=holdfast-source', '--input-type=module-typescript', '-e', program, tempPath()]
  const output = execFileSync(process.execPath, args, {
    encoding: 'utf8',
    timeout: 15_000,
    cwd: join(import.meta.dirname, '../../..'),
  })
  expect(output.trim()).toBe('bye')
}, 20_000)

test('a thousand steps are replayed in milliseconds', async () => {
  const path = tempPath()
  const script = [...Array.from({ length: 500 }, (_, i) => call('a', { i })), call('b', {}), text('done')]
  const make = () =>
    agentOf(script, {
      tools: [toolOf('a'), toolOf('b', { approval: true })],
      limits: { turns: 1000 },
      use: [sqliteDurabilityPlugin({ path, durability: 'process' })],
    })
  const first = make()
  expect((await first.run('go', { runId: 'r' })).status).toBe('waiting')
  await first.plugins[0]?.dispose?.()
  const again = make()
  const started = performance.now()
  expect((await again.run('go', { runId: 'r' })).status).toBe('waiting')
  const took = performance.now() - started
  await again.plugins[0]?.dispose?.()
  // Machines that are busy with other things are slow; a replay that runs the steps again would take seconds.
  expect(took).toBeLessThan(1_000)
}, 30_000)
