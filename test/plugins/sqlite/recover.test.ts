/** Recovery: what a process that starts takes up, and what one that watches does. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Agent } from 'holdfast'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Candidates } from '../../../src/plugins/sqlite/candidates.ts'
import { becomeOwner } from '../../../src/plugins/sqlite/owner.ts'
import { recoverRuns, sqliteDurabilityPlugin, sqliteRuns } from '../../../src/plugins/sqlite/index.ts'
import { agentOf, failureOf, text } from '../../support/kit.ts'
import { createAgent, type TestAgentOptions } from './agents.ts'
import { openJournal, startChild, take, tempDir } from './support.ts'

const APPROVAL = '2/tool/0/book/approval'
const LOOK_APPROVAL = '1/tool/1/look/approval'

function place() {
  const dir = tempDir()
  const path = join(dir, 'runs.db')
  const effects = join(dir, 'effects')
  const runs = sqliteRuns({ path })
  onTestFinished(() => runs.close())
  return {
    path,
    effects,
    runs,
    done: (): string[] => readFileSync(effects, 'utf8').trim().split('\n').sort(),
    agent(options: Partial<TestAgentOptions> = {}): Agent {
      const agent = createAgent({ path, effects, ...options })
      onTestFinished(async () => {
        for (const plugin of agent.plugins) await plugin.dispose?.()
      })
      return agent
    },
  }
}

describe('at the start', () => {
  test.each(['search', 'look'])(
    'a run that was killed in the middle of %s goes on; what had finished is not done again',
    async (tool) => {
      const { path, effects, agent, done } = place()
      const child = startChild('agent', path, 'r', `hang ${tool}`, effects)
      await child.said('hanging')
      await child.kill()
      const { runs } = await recoverRuns({ path, agents: [agent()] })
      expect(runs).toMatchObject([{ runId: 'r', agent: 'main' }])
      expect(await runs[0]?.result).toMatchObject({ status: 'completed', text: 'It is booked.' })
      // Both tools of the batch may have been under way; at most what was under way is done again.
      expect(done().filter((name) => name === 'book')).toHaveLength(1)
      expect(done().filter((name) => name === tool)).toHaveLength(2)
    },
    20_000,
  )

  test('a once tool that had started is not started again: a person is asked', async () => {
    const { path, effects, agent, runs, done } = place()
    const child = startChild('agent', path, 'r', 'hang book', effects)
    await child.said('hanging')
    await child.kill()
    const recovery = await recoverRuns({ path, agents: [agent()] })
    await vi.waitFor(async () => expect((await runs.get('r').status()).waits).toHaveLength(1), { interval: 5 })
    const { waits } = await runs.get('r').status()
    expect(waits).toMatchObject([{ input: { type: 'unknown-outcome', tool: 'book' } }])
    await runs.get('r').respond(waits[0]?.id as string, { status: 'done', output: 'JL44' })
    expect((await recovery.runs[0]?.result)?.status).toBe('completed')
    expect(done()).toEqual(['book', 'look', 'search'])
  }, 20_000)

  test('runs of others that live are left alone', async () => {
    const { path, effects, agent } = place()
    const child = startChild('agent', path, 'r', 'hang search', effects)
    await child.said('hanging')
    expect((await recoverRuns({ path, agents: [agent()] })).runs).toEqual([])
    expect(await failureOf(agent().run('go', { runId: 'r' }))).toMatchObject({ code: 'RUN_LOCKED' })
  }, 20_000)

  test('a run that waits is taken up when it is answered, its time has come, or it is cancelled; not before', async () => {
    const { path, agent, runs } = place()
    const one = agent({ mode: 'ask' })
    for (const runId of ['answered', 'open', 'cancelled', 'due']) await one.run('go', { runId })
    await runs.get('answered').respond(APPROVAL, { approved: true })
    await runs.get('cancelled').cancel()
    openJournal(path).strict.run("UPDATE waits SET due_at = 1 WHERE no = (SELECT no FROM runs WHERE run_id = 'due')")
    const recovery = await recoverRuns({ path, agents: [one] })
    expect(recovery.runs.map(({ runId }) => runId)).toEqual(['answered', 'cancelled', 'due'])
    const results = await Promise.all(recovery.runs.map(({ result }) => result))
    expect(results.map(({ status }) => status)).toEqual(['completed', 'cancelled', 'completed'])
    expect((await runs.get('open').status()).status).toBe('waiting')
  })

  test('a blocked run is tried again: a deploy that brings the tool back lets it go on', async () => {
    const { path, agent, runs } = place()
    const bare = agentOf([], { name: 'main' })
    const one = agent({ mode: 'ask look' })
    await one.run('go', { runId: 'r' })
    await runs.get('r').respond(LOOK_APPROVAL, { approved: true })
    bare.use(sqliteDurabilityPlugin({ path }))
    expect(await failureOf(bare.run('go', { runId: 'r' }))).toMatchObject({ code: 'TOOL_UNKNOWN' })
    expect(await runs.get('r').status()).toMatchObject({ status: 'blocked', error: { code: 'TOOL_UNKNOWN' } })
    const { runs: taken } = await recoverRuns({ path, agents: [one] })
    expect((await taken[0]?.result)?.status).toBe('completed')
    await bare.plugins[0]?.dispose?.()
  })

  test('what it was started with comes along: input, messages, context', async () => {
    const { path, agent, runs } = place()
    const one = agent({ mode: 'ask' })
    const messages = [{ role: 'user' as const, content: [{ type: 'text' as const, text: 'before' }] }]
    await one.run('go', { runId: 'r', context: { tenant: 'acme' }, messages })
    await runs.get('r').respond(APPROVAL, { approved: true })
    const { runs: taken } = await recoverRuns({ path, agents: [one] })
    const result = await taken[0]?.result
    expect(result?.messages[0]).toEqual(messages[0])
    expect(result?.state.context).toEqual({ tenant: 'acme' })
  })

  test('an agent that is not given is named, its runs stay as they are', async () => {
    const { path } = place()
    const journal = openJournal(path)
    take(journal, 'r').close()
    const other = agentOf([text('x')], { name: 'other' })
    other.use(sqliteDurabilityPlugin({ path }))
    journal.strict.run("UPDATE runs SET owner = 'dead'")
    const errors: unknown[] = []
    const { runs } = await recoverRuns({
      path,
      agents: [other],
      onError: (error, runId) => errors.push([runId, error]),
    })
    expect(runs).toEqual([])
    expect(errors).toMatchObject([['r', { code: 'CONFIG_INVALID', message: /agent 'main'/ }]])
    expect(journal.strict.get('SELECT epoch, owner FROM runs')).toEqual({ epoch: 1, owner: 'dead' })
    await other.plugins[0]?.dispose?.()
  })

  test('an agent without the plugin, or with another journal, is refused', async () => {
    const { path } = place()
    expect(await failureOf(recoverRuns({ path, agents: [agentOf([text('x')])] }))).toMatchObject({
      code: 'CONFIG_INVALID',
    })
    expect(await failureOf(recoverRuns({ path, agents: [place().agent()] }))).toMatchObject({ code: 'CONFIG_INVALID' })
  })

  test('no more at once than was asked for; a run that waits for a person does not count', async () => {
    const { path, effects, agent, runs } = place()
    const asks = agent({ mode: 'ask' })
    for (const runId of ['a', 'b', 'c', 'd']) {
      await asks.run('go', { runId })
      await runs.get(runId).cancel()
    }
    openJournal(path).strict.run('UPDATE runs SET cancel = NULL')
    // Taken up because of the cancel that is gone again, they all wait: none of them takes a place.
    const recovery = await recoverRuns({ path, agents: [asks], concurrency: 1 })
    expect(recovery.runs).toHaveLength(4)
    await vi.waitFor(
      async () => {
        const live = openJournal(path).strict.get<{ n: number }>(
          "SELECT count(*) AS n FROM runs WHERE status = 'running'",
        )
        expect(live?.n).toBe(4)
      },
      { interval: 50, timeout: 5_000 },
    )
    for (const runId of ['a', 'b', 'c', 'd']) await runs.get(runId).respond(APPROVAL, { approved: true })
    for (const { result } of recovery.runs) expect((await result).status).toBe('completed')
    expect(readFileSync(effects, 'utf8').match(/book/g)).toHaveLength(4)
  }, 20_000)

  test('stopped before its turn, a run is as it was', async () => {
    const { path, agent, runs } = place()
    const { promise: hanging, resolve } = Promise.withResolvers<void>()
    const asks = agent({ mode: 'ask' })
    for (const runId of ['a', 'b']) {
      await asks.run('go', { runId })
      await runs.get(runId).respond(APPROVAL, { approved: true })
    }
    const hangs = agent({ mode: 'hang book', say: async () => resolve() })
    const recovery = await recoverRuns({ path, agents: [hangs], concurrency: 1 })
    await hanging
    recovery.stop()
    expect(await failureOf(recovery.runs[1]?.result as Promise<unknown>)).toMatchObject({ code: 'ENGINE_UNAVAILABLE' })
    expect((await runs.get('b').status()).status).toBe('waiting')
    await runs.get('a').cancel()
    expect((await recovery.runs[0]?.result)?.status).toBe('cancelled')
  })
})

describe('watching', () => {
  test('a run whose process dies later, and a run that is answered later', async () => {
    const { path, effects, agent, runs } = place()
    const asks = agent({ mode: 'ask' })
    await asks.run('go', { runId: 'answered' })
    const child = startChild('agent', path, 'killed', 'hang look', effects)
    await child.said('hanging')
    const recovery = await recoverRuns({ path, agents: [asks], keepWatching: true })
    expect(recovery.runs).toEqual([])
    await child.kill()
    expect((await runs.get('killed').result()).status).toBe('completed')
    await runs.get('answered').respond(APPROVAL, { approved: true })
    expect((await runs.get('answered').result()).status).toBe('completed')
    recovery.stop()
  }, 20_000)

  test('a signal ends it, and nothing is taken up any more', async () => {
    const { path, agent, runs } = place()
    const asks = agent({ mode: 'ask' })
    await asks.run('go', { runId: 'r' })
    const controller = new AbortController()
    await recoverRuns({ path, agents: [asks], keepWatching: true, signal: controller.signal })
    controller.abort()
    await runs.get('r').respond(APPROVAL, { approved: true })
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect((await runs.get('r').status()).status).toBe('waiting')
    expect((await recoverRuns({ path, agents: [asks], signal: AbortSignal.abort() })).runs).toEqual([])
  })

  test('a run that can not go on is tried again after a pause, not at once', async () => {
    const { path, agent, runs } = place()
    const asks = agent({ mode: 'ask look' })
    await asks.run('go', { runId: 'r' })
    await runs.get('r').respond(LOOK_APPROVAL, { approved: true })
    const bare = agentOf([], { name: 'main' })
    bare.use(sqliteDurabilityPlugin({ path }))
    const errors: unknown[] = []
    const times: number[] = []
    const recovery = await recoverRuns({
      path,
      agents: [bare],
      keepWatching: true,
      onError: (error) => {
        errors.push(error)
        times.push(performance.now())
      },
    })
    await vi.waitFor(() => expect(errors).toHaveLength(2), { interval: 20, timeout: 4_000 })
    expect(errors).toMatchObject([{ code: 'TOOL_UNKNOWN' }, { code: 'TOOL_UNKNOWN' }])
    const { epoch } = openJournal(path).strict.get<{ epoch: number }>('SELECT epoch FROM runs') ?? { epoch: 0 }
    expect(epoch).toBe(3)
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(900)
    recovery.stop()
    await bare.plugins[0]?.dispose?.()
  }, 20_000)
})

test('a process that died since the last look is noticed, though nothing was written; once', () => {
  const { path } = place()
  const journal = openJournal(path)
  const run = take(journal, 'r')
  const other = becomeOwner(path)
  journal.strict.run('UPDATE runs SET owner = ?', other.id)
  run.close()
  const candidates = new Candidates(journal)
  expect(candidates.find()).toEqual([])
  expect(candidates.mayHaveMore()).toBe(false)
  other.release()
  expect(candidates.mayHaveMore()).toBe(true)
  expect(candidates.find()).toEqual([{ runId: 'r', agent: 'main' }])
  expect(candidates.mayHaveMore()).toBe(false)
})

describe('a run that kills its process', () => {
  test('is parked after three times', async () => {
    const { path, effects, agent, runs } = place()
    for (let i = 0; i < 4; i++) await startChild('agent', path, 'r', 'die search', effects).exited
    const child = startChild('agent', path, 'r', 'die search', effects)
    expect(await child.said('error')).toMatchObject({ code: 'RUN_PARKED' })
    expect((await recoverRuns({ path, agents: [agent()] })).runs).toEqual([])
    expect((await runs.get('r').status()).status).toBe('parked')
    await runs.unpark('r')
    const { runs: taken } = await recoverRuns({ path, agents: [agent()] })
    expect((await taken[0]?.result)?.status).toBe('completed')
  }, 30_000)
})
