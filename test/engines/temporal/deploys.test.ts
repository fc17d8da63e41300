/** Deploys: what holds a run and does not end it, what is pinned in it, and what a worker that takes it up tells. */
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'
import type { AgentEvent } from 'holdfast'
import { memoryStreams } from 'holdfast'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { temporalRuns } from '../../../src/plugins/temporal/client.ts'
import { agentOf, call, text, toolOf } from '../../support/kit.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

let world: TemporalWorld
beforeAll(async () => {
  world = await temporalWorld()
})
afterAll(() => world.close())

const statusOf = async (runId: string): Promise<string | undefined> =>
  (
    await world.runs
      .get(runId)
      .status()
      .catch(() => undefined)
  )?.status

test.each(['repeatable', 'once'] as const)(
  'a worker that lacks a %s tool: the run goes on with one that has it',
  async (effect) => {
    const name = `lacking-${effect}`
    const script = [call('search'), text('done')]
    const whole = agentOf(script, { name, tools: [toolOf('search', { effect, execute: () => 'found' })] })
    const lacking = agentOf(script, { name })
    const stop = await world.work([lacking])
    const run = await world.runs.start(whole, 'go', { runId: name })
    await expect.poll(() => statusOf(name), { timeout: 10_000 }).toBe('blocked')
    await stop()
    const stopWhole = await world.work([whole])
    expect(await run.result()).toMatchObject({ status: 'completed', text: 'done' })
    await stopWhole()
  },
  60_000,
)

test('what defines a run is pinned in it: a worker with another agent asks for it, and for a large context', async () => {
  const seen: string[] = []
  const agent = (instructions: string) =>
    agentOf([call('ask'), text('done')], {
      name: 'pinned',
      instructions,
      tools: [
        toolOf('ask', { approval: true, execute: (_, { context }) => (context as { padding: string }).padding.length }),
      ],
    }).use({
      name: 'seer',
      middleware: {
        model(request, next) {
          seen.push(String(request.instructions))
          return next(request)
        },
      },
    })
  const stop = await world.work([agent('Be kind.')])
  const context = { padding: 'x'.repeat(20_000) }
  const run = await world.runs.start(agent('Be kind.'), 'go', { runId: 'pinned', context })
  await expect.poll(() => statusOf('pinned'), { timeout: 10_000 }).toBe('waiting')
  await stop()
  const stopNext = await world.work([agent('Be brief.')])
  await run.respond('1/tool/0/ask/approval', { approved: true })
  const { messages } = await run.result()
  expect(messages[2]).toMatchObject({ content: [{ output: { value: 20_000 } }] })
  expect(seen).toEqual(['Be kind.', 'Be kind.'])
  await stopNext()
})

test('a worker that takes a run up tells its observers of what is new alone', async () => {
  const events: AgentEvent[] = []
  const agent = () =>
    agentOf([call('ask'), text('done')], { name: 'watched', tools: [toolOf('ask', { approval: true })] }).use({
      name: 'watcher',
      observe: (event) => {
        events.push(event)
      },
    })
  const stop = await world.work([agent()])
  const run = await world.runs.start(agent(), 'go', { runId: 'watched-twice' })
  await expect.poll(() => statusOf('watched-twice'), { timeout: 10_000 }).toBe('waiting')
  await stop()
  const before = events.length
  expect(events.at(-1)?.type).toBe('wait-opened')
  const stopNext = await world.work([agent()])
  await run.respond('1/tool/0/ask/approval', { approved: true })
  await run.result()
  await expect.poll(() => events.at(-1)?.type).toBe('run-finished')
  expect(events[before]?.type).toBe('wait-settled')
  expect(new Set(events.map(({ id }) => id.seq)).size).toBe(events.length)
  await stopNext()
})

test('what a failed attempt said is taken back', async () => {
  const streams = memoryStreams()
  const agent = agentOf([call('flaky'), text('done')], {
    name: 'streaming',
    tools: [
      toolOf('flaky', {
        retry: { maxAttempts: 2, initialInterval: 1 },
        execute(_, { attempt, progress }) {
          progress({ attempt })
          if (attempt === 1) throw new Error('busy')
          return 'ok'
        },
      }),
    ],
  })
  const stop = await world.work([agent], { streams })
  const runs = temporalRuns(world.client, { taskQueue: world.taskQueue, streams })
  const run = await runs.start(agent, 'go', { runId: 'streaming' })
  const said: string[] = []
  for await (const chunk of run.events()) {
    if (chunk.stepId === '1/tool/0/flaky')
      said.push(chunk.type === 'progress' ? JSON.stringify(chunk.data) : chunk.type)
  }
  expect(said).toEqual(['start', '{"attempt":1}', 'superseded', 'start', '{"attempt":2}', 'end'])
  await run.result()
  await stop()
})

test('code that does something else than before holds the run, and a roll-back lets it go on', async () => {
  const changed = join(tmpdir(), `holdfast-changed-${process.pid}.js`)
  const workflowsPath = fileURLToPath(new URL('./support/workflows-changed.ts', import.meta.url))
  const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') })
  writeFileSync(changed, code)
  const agent = agentOf([call('ask'), text('done')], { name: 'steady', tools: [toolOf('ask', { approval: true })] })
  try {
    const stopFirst = await world.work([agent])
    const run = await world.runs.start(agent, 'go', { runId: 'steady', workflow: 'settingsWorkflow' })
    await expect.poll(() => statusOf('steady'), { timeout: 10_000 }).toBe('waiting')
    await stopFirst()
    const stopChanged = await world.work([agent], {}, { workflowBundle: { codePath: changed } })
    // The answer needs a workflow task, which the changed code fails.
    await expect(run.respond('1/tool/0/ask/approval', { approved: true })).rejects.toMatchObject({
      code: 'ENGINE_UNAVAILABLE',
    })
    await expect.poll(() => statusOf('steady'), { timeout: 30_000 }).toBe('blocked')
    expect((await run.status()).error).toMatchObject({
      code: 'DIVERGED',
      message: expect.stringMatching('step 1/model is not the one'),
    })
    await stopChanged()
    await world.work([agent], {}, { workflowBundle: { codePath: inject('temporal').bundle } })
    const answered = () =>
      run.respond('1/tool/0/ask/approval', { approved: true }).then(
        () => true,
        (error: { code?: string }) => error.code === 'WAIT_ANSWERED' || error.code === 'WAIT_NOT_FOUND',
      )
    await expect.poll(answered, { timeout: 30_000 }).toBe(true)
    expect(await run.result()).toMatchObject({ status: 'completed', text: 'done' })
  } finally {
    rmSync(changed)
  }
}, 90_000)
