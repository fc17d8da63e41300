/** Runs from outside: start, status, result, respond, cancel, events, list, delete. */
import { join } from 'node:path'
import type { Agent, RunStatusName, StreamChunk } from 'holdfast'
import { Agent as AnyAgent } from 'holdfast'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { finishRun, leaveRun } from '../../../src/plugins/sqlite/claim.ts'
import { type SqliteRuns, sqliteDurabilityPlugin, sqliteRuns } from '../../../src/plugins/sqlite/index.ts'
import { agentOf, call, failureOf, text, toolOf } from '../../support/kit.ts'
import { createAgent } from './agents.ts'
import { errorOf, openJournal, put, startChild, take, tempDir } from './support.ts'

interface Place {
  readonly path: string
  readonly effects: string
  readonly runs: SqliteRuns
  agent(mode?: string): Agent
}

function place(): Place {
  const dir = tempDir()
  const path = join(dir, 'runs.db')
  const effects = join(dir, 'effects')
  const runs = sqliteRuns({ path })
  onTestFinished(() => runs.close())
  return {
    path,
    effects,
    runs,
    agent(mode = '') {
      const agent = createAgent({ path, effects, mode })
      onTestFinished(async () => {
        for (const plugin of agent.plugins) await plugin.dispose?.()
      })
      return agent
    },
  }
}

const APPROVAL = '2/tool/0/book/approval'

test('start gives a handle at once; its result comes when it has ended', async () => {
  const { runs, agent } = place()
  const handle = await runs.start(agent(), 'go', { runId: 'r' })
  expect((await handle.status()).status).toBe('running')
  const result = await handle.result()
  expect(result).toMatchObject({ runId: 'r', status: 'completed', text: 'It is booked.', turns: 3 })
  expect(await handle.status()).toEqual({ runId: 'r', agent: 'main', status: 'completed', waits: [] })
  expect(result).toEqual(await agent().run('go', { runId: 'r' }))
})

test('start again: the same run; with another input a conflict', async () => {
  const { runs, agent } = place()
  const one = agent('ask')
  await runs.start(one, 'go', { runId: 'r', context: { tenant: 'acme' } })
  expect((await runs.start(one, 'go', { runId: 'r', context: { tenant: 'acme' } })).runId).toBe('r')
  expect(await failureOf(runs.start(one, 'go', { runId: 'r', context: { tenant: 'b' } }))).toMatchObject({
    code: 'RUN_CONFLICT',
  })
  expect(await failureOf(runs.start(one, 'go elsewhere', { runId: 'r' }))).toMatchObject({ code: 'RUN_CONFLICT' })
  await runs.get('r').cancel()
  expect((await runs.get('r').result()).status).toBe('cancelled')
  expect((await runs.start(one, 'go', { runId: 'r', context: { tenant: 'acme' } })).runId).toBe('r')
})

test('start refuses an agent that keeps its runs elsewhere, and a workflow', async () => {
  const { runs, agent } = place()
  const other = place()
  expect(await failureOf(runs.start(other.agent(), 'go', { runId: 'r' }))).toMatchObject({ code: 'CONFIG_INVALID' })
  expect(await failureOf(runs.start(agentOf([text('hi')]), 'go', { runId: 'r' }))).toMatchObject({
    code: 'CONFIG_INVALID',
  })
  expect(await failureOf(runs.start(agent(), 'go', { runId: 'r', workflow: 'w' }))).toMatchObject({
    code: 'UNSUPPORTED',
  })
  expect(await failureOf(runs.get('r').status())).toMatchObject({ code: 'RUN_NOT_FOUND' })
})

test('a run that fails rejects for everybody in the same way', async () => {
  const { runs, path } = place()
  const agent = new AnyAgent({ name: 'bad', model: agentOf([text('hi')]).definition.models['default'] as never })
  agent.on('BeforeModelCall', () => {
    throw new Error('a hook of mine')
  })
  agent.use(sqliteDurabilityPlugin({ path }))
  const handle = await runs.start(agent, 'go', { runId: 'r' })
  const failure = await failureOf(handle.result())
  expect(failure).toMatchObject({ code: 'HOOK_FAILED' })
  expect(await failureOf(agent.run('go', { runId: 'r' }))).toEqual(failure)
  expect(await handle.status()).toMatchObject({ status: 'failed', error: { code: 'HOOK_FAILED' } })
  expect((await runs.start(agent, 'go', { runId: 'r' })).runId).toBe('r')
  await agent.plugins[1]?.dispose?.()
})

describe('a run that waits', () => {
  test('says so with its waits, is answered, and goes on', async () => {
    const { runs, agent } = place()
    const handle = await runs.start(agent('ask'), 'go', { runId: 'r' })
    await vi.waitFor(async () => expect((await handle.status()).status).toBe('waiting'), { interval: 5 })
    const { waits } = await handle.status()
    expect(waits).toMatchObject([{ id: APPROVAL, input: { type: 'approval', tool: 'book' } }])
    expect(await failureOf(handle.respond('nothing', { approved: true }))).toMatchObject({ code: 'WAIT_NOT_FOUND' })
    expect(await failureOf(handle.respond(APPROVAL, { approved: 1 }))).toMatchObject({ code: 'ANSWER_INVALID' })
    await handle.respond(APPROVAL, { approved: true })
    expect(await failureOf(handle.respond(APPROVAL, { approved: true }))).toMatchObject({ code: 'WAIT_ANSWERED' })
    expect((await handle.result()).text).toBe('It is booked.')
    expect(await failureOf(handle.respond(APPROVAL, { approved: true }))).toMatchObject({ code: 'WAIT_NOT_FOUND' })
  })

  test('with onWait return it is let go of, and goes on with the next call', async () => {
    const { runs, agent } = place()
    const one = agent('ask')
    const waiting = await one.run('go', { runId: 'r' })
    expect(waiting).toMatchObject({ status: 'waiting', waits: [{ id: APPROVAL }] })
    expect(await runs.get('r').status()).toMatchObject({ status: 'waiting', waits: [{ id: APPROVAL }] })
    expect((await one.run('go', { runId: 'r' })).status).toBe('waiting')
    const result = runs.get('r').result()
    await runs.get('r').respond(APPROVAL, { approved: false, reason: 'too dear' })
    const done = await one.run('go', { runId: 'r' })
    expect(done.status).toBe('completed')
    expect(JSON.stringify(done.messages)).toContain('too dear')
    expect(await result).toEqual(done)
  })
})

describe('cancel', () => {
  test('reaches the tool that is running, in this process', async () => {
    const { runs, path, effects } = place()
    const { promise: hanging, resolve } = Promise.withResolvers<void>()
    const agent = createAgent({ path, effects, mode: 'hang book', say: async () => resolve() })
    const handle = await runs.start(agent, 'go', { runId: 'r' })
    await hanging
    await handle.cancel('enough')
    expect(await handle.result()).toMatchObject({ status: 'cancelled', reason: 'enough' })
    await handle.cancel('again')
    expect(await handle.result()).toMatchObject({ reason: 'enough' })
  })

  test('reaches the tool that is running in another process', async () => {
    const { runs, path, effects } = place()
    const child = startChild('agent', path, 'r', 'hang book', effects)
    expect(await child.said('hanging')).toBe('book')
    await runs.get('r').cancel('from outside')
    expect(await child.said('result')).toMatchObject({ status: 'cancelled' })
    expect(await runs.get('r').result()).toMatchObject({ status: 'cancelled', reason: 'from outside' })
  }, 20_000)

  test('of a run that nobody has: at once with the agent, else when it is taken up', async () => {
    const { runs, agent, path } = place()
    const one = agent('ask')
    await one.run('go', { runId: 'a' })
    await one.run('go', { runId: 'b' })
    await runs.get('a').cancel('first')
    await runs.get('a').cancel('second')
    expect((await runs.get('a').status()).status).toBe('waiting')
    expect(await one.run('go', { runId: 'a' })).toMatchObject({ status: 'cancelled', reason: 'first' })
    const knowing = sqliteRuns({ path, agents: [one] })
    await knowing.get('b').cancel()
    expect((await knowing.get('b').result()).status).toBe('cancelled')
    await knowing.close()
  })

  test('of a parked run lets it end', async () => {
    const { runs, agent, path } = place()
    const one = agent('ask')
    await one.run('go', { runId: 'r' })
    openJournal(path).strict.run("UPDATE runs SET status = 'parked', error = '{}'")
    await runs.get('r').cancel()
    expect((await one.run('go', { runId: 'r' })).status).toBe('cancelled')
  })
})

test('a parked run: status and result say so, unpark lets it go on', async () => {
  const { runs, agent, path } = place()
  await agent('ask').run('go', { runId: 'r' })
  const error = JSON.stringify({ code: 'RUN_PARKED', kind: 'terminal', message: 'x' })
  openJournal(path).strict.run("UPDATE runs SET status = 'parked', error = ?", error)
  expect(await runs.get('r').status()).toMatchObject({ status: 'parked', error: { code: 'RUN_PARKED' } })
  expect(await failureOf(runs.get('r').result())).toMatchObject({ code: 'RUN_PARKED' })
  expect(await failureOf(agent('ask').run('go', { runId: 'r' }))).toMatchObject({ code: 'RUN_PARKED' })
  await runs.unpark('r')
  expect((await agent('ask').run('go', { runId: 'r' })).status).toBe('waiting')
  expect(await failureOf(runs.unpark('nobody'))).toMatchObject({ code: 'RUN_NOT_FOUND' })
})

test('events: what was said, from the start or from a cursor, and a run that is not there', async () => {
  const { runs, agent } = place()
  await agent().run('go', { runId: 'r' })
  const all: StreamChunk[] = []
  for await (const chunk of runs.get('r').events()) all.push(chunk)
  expect(all.filter(({ type }) => type === 'text')).toMatchObject([{ stepId: '3/model', delta: 'It is booked.' }])
  const rest: StreamChunk[] = []
  for await (const chunk of runs.get('r').events({ from: all[2]?.cursor as string })) rest.push(chunk)
  expect(rest).toEqual(all.slice(3))
  expect(
    await errorOf(async () => {
      for await (const _ of runs.get('x').events());
    }),
  ).toMatchObject({ code: 'RUN_NOT_FOUND' })
})

test('list: newest first, by status and agent, over pages', async () => {
  const { runs, path } = place()
  const journal = openJournal(path)
  const statuses: RunStatusName[] = ['completed', 'waiting', 'running', 'cancelled']
  for (let i = 0; i < 250; i++) {
    const run = take(journal, `r${i}`, { strict: false })
    const status = statuses[i % 4] as RunStatusName
    if (i < 2) await put(run, 'a', 1)
    if (status !== 'running') await finishRun(run, { status })
    run.close()
  }
  const idsOf = async (filter?: Parameters<SqliteRuns['list']>[0]): Promise<string[]> => {
    const ids: string[] = []
    for await (const { runId } of runs.list(filter)) ids.push(runId)
    return ids
  }
  const all = Array.from({ length: 250 }, (_, i) => `r${249 - i}`)
  expect(await idsOf()).toEqual(all)
  expect(await idsOf({ status: 'waiting', agent: 'main' })).toEqual(all.filter((id) => Number(id.slice(1)) % 4 === 1))
  expect(await idsOf({ agent: 'other' })).toEqual([])
  for await (const summary of runs.list()) {
    expect(summary).toMatchObject({ runId: 'r249', agent: 'main', status: 'waiting', createdAt: expect.any(Date) })
    expect(summary.updatedAt.getTime()).toBeGreaterThanOrEqual(summary.createdAt.getTime())
    break
  }
}, 20_000)

describe('delete', () => {
  test('nothing of it is left, and other runs stay', async () => {
    const { runs, agent, path } = place()
    const one = agent()
    await one.run('go', { runId: 'a' })
    await one.run('go', { runId: 'b' })
    const journal = openJournal(path)
    const counts = (): number[] =>
      ['runs', 'records', 'waits', 'inputs', 'results', 'feeds', 'chunks'].map((table) =>
        Number(Object.values(journal.strict.get<object>(`SELECT count(*) FROM ${table}`) ?? {})[0]),
      )
    await runs.delete('a')
    const left = counts()
    expect(await failureOf(runs.get('a').status())).toMatchObject({ code: 'RUN_NOT_FOUND' })
    expect((await runs.get('b').result()).status).toBe('completed')
    expect(left[0]).toBe(1)
    journal.strict.run("INSERT INTO payloads VALUES ('x', x'00')")
    await runs.delete('b')
    await runs.delete('b')
    expect(counts()).toEqual([0, 0, 0, 0, 0, 0, 0])
    expect(journal.strict.all('SELECT * FROM payloads')).toEqual([])
  })

  test('a run that runs is ended first', async () => {
    const { runs, path, effects } = place()
    const child = startChild('agent', path, 'r', 'hang search', effects)
    await child.said('hanging')
    await runs.delete('r')
    expect(await child.said('result')).toMatchObject({ status: 'cancelled' })
    expect(await failureOf(runs.get('r').status())).toMatchObject({ code: 'RUN_NOT_FOUND' })
  }, 20_000)

  test('a run whose process was killed meanwhile', async () => {
    const { runs, path } = place()
    const child = startChild('hold', path, 'r')
    await child.said('ok')
    // Somebody else looks at the same time: nothing is written that would tell that the process died.
    const result = failureOf(runs.get('r').result())
    const deleted = runs.delete('r')
    await child.said('cancelled')
    await child.kill()
    await deleted
    expect(await result).toMatchObject({ code: 'RUN_NOT_FOUND' })
    expect(await failureOf(runs.get('r').status())).toMatchObject({ code: 'RUN_NOT_FOUND' })
  }, 20_000)
})

test('a blocked run says why', async () => {
  const { runs, path } = place()
  const journal = openJournal(path)
  const run = take(journal, 'r')
  leaveRun(run, { name: 'HoldfastError', code: 'DIVERGED', kind: 'terminal', message: 'x' })
  run.close()
  expect(await runs.get('r').status()).toMatchObject({ status: 'blocked', error: { code: 'DIVERGED' } })
})

test('tools of one batch that end together, with hooks and all', async () => {
  const { path, runs } = place()
  const agent = agentOf([call('a', {}), text('done')], {
    tools: [toolOf('a')],
    use: [sqliteDurabilityPlugin({ path, durability: 'process' })],
  })
  const results = await Promise.all(Array.from({ length: 30 }, (_, i) => agent.run('go', { runId: `r${i}` })))
  expect(results.every(({ text }) => text === 'done')).toBe(true)
  expect((await runs.get('r7').result()).text).toBe('done')
  await agent.plugins[0]?.dispose?.()
})

test('start() without a runId is refused before anything runs', async () => {
  const { runs, agent } = place()
  for (const runId of [undefined, '']) {
    const starting = runs.start(agent(), 'go', { runId: runId as string })
    expect(await failureOf(starting)).toMatchObject({ code: 'CONFIG_INVALID' })
  }
  for await (const { runId } of runs.list()) throw new Error(`${runId} was started`)
})
