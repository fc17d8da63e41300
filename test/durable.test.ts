/** Durability, on the smallest honest plugin: a run goes on after a crash, and finished steps do not run again. */
import type { Json, RunResult } from 'holdfast'
import { HoldfastError, withInput, wrapStep } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { agentOf, call, calls, failureOf, hooksOf, overTheWire, scriptedModel, text, toolOf } from './support/kit.ts'
import { mapDurabilityPlugin } from './support/map-engine.ts'

/** A journal that dies, before or after it has written. */
class DyingJournal extends Map<string, string> {
  writes = 0
  dieAt: number | undefined
  readonly when: 'before' | 'after'
  constructor(when: 'before' | 'after' = 'after') {
    super()
    this.when = when
  }
  override set(key: string, value: string): this {
    const dies = ++this.writes === this.dieAt
    if (!dies || this.when === 'after') super.set(key, value)
    if (dies) throw new HoldfastError({ code: 'ENGINE_UNAVAILABLE', kind: 'retryable', message: 'the process died' })
    return this
  }
}

const answers = () =>
  new Map<string, Json>([
    ['r 2/tool/0/book/approval', { approved: true }],
    ['r 1/model/wait/guard/sure', 'yes'],
  ])

/** An agent that has all: tasks, asks, approvals, retries, a once tool, state. */
function build(journal: Map<string, string>, did: string[], given = answers()) {
  const track = (name: string) =>
    toolOf(name, {
      execute: (_, { stepId, execution }) => {
        did.push(`${stepId} #${execution}`)
        if (name === 'flaky' && execution === 1) throw new Error('busy')
        return name
      },
    })
  const book = toolOf('book', { effect: 'once', approval: true, execute: (_, { stepId }) => void did.push(stepId) })
  const guard = hooksOf(
    'guard',
    {
      BeforeModelCall: async (event) => {
        event.run.state = (event.run.state ?? 0) + 1
        if (event.run.turn === 1) await event.interrupt({ name: 'sure' })
        did.push(`price ${await event.task('price')}`)
      },
      BeforeToolCall: (event) => {
        event.step = wrapStep(event.step, (run) => run().catch(() => run()))
      },
    },
    { tasks: { price: (_, { stepId }) => did.push(stepId) && 5 } },
  )
  const model = scriptedModel((_, turn) => {
    did.push(`model ${turn}`)
    return [calls(call('flaky'), call('search')), call('book'), text('done')][turn - 1] ?? text('?')
  })
  return agentOf(model, {
    tools: [track('flaky'), track('search'), book],
    use: [guard, mapDurabilityPlugin(journal, given)],
  })
}

const essence = (result: RunResult): unknown => overTheWire(result)
const real = (did: readonly string[]): string[] => did.filter((what) => !what.startsWith('price'))

describe('a run on a journal', () => {
  it('gives the same, without doing anything, when it is known already', async () => {
    const [journal, did] = [new Map<string, string>(), [] as string[]]
    const first = await build(journal, did).run('go', { runId: 'r' })
    const before = real(did).length
    const again = await build(journal, did).run('go', { runId: 'r' })
    expect(essence(again)).toEqual(essence(first))
    expect(real(did)).toHaveLength(before)
    expect(first).toMatchObject({ status: 'completed', state: { plugins: { guard: 3 } } })
  })

  it('goes on after a crash at each write, before it or after it, with the equal result and nothing finished done twice', async () => {
    const straight: string[] = []
    const whole = new DyingJournal()
    const expected = essence(await build(whole, straight).run('go', { runId: 'r' }))
    expect(whole.writes).toBeGreaterThan(10)
    for (const when of ['before', 'after'] as const) {
      for (let dieAt = 1; dieAt <= whole.writes; dieAt++) {
        const journal = new DyingJournal(when)
        journal.dieAt = dieAt
        const did: string[] = []
        expect(await failureOf(build(journal, did).run('go', { runId: 'r' }))).toMatchObject({
          code: 'ENGINE_UNAVAILABLE',
        })
        const result = await build(journal, did).run('go', { runId: 'r' })
        const lost = when === 'before' ? 1 : 0
        const unknown = result.status === 'waiting'
        if (unknown) expect(result.waits).toMatchObject([{ id: '2/tool/0/book/unknown' }])
        else expect(essence(result), `${when} ${dieAt}`).toEqual(expected)
        expect(did.filter((what) => what === '2/tool/0/book').length).toBeLessThanOrEqual(1)
        const twice = real(did).length - new Set(real(did)).size
        expect(twice, `${when} ${dieAt}`).toBeLessThanOrEqual(lost)
      }
    }
  })

  it('is as it is without an engine', async () => {
    const did: string[] = []
    const durable = await build(new Map(), did).run('go', { runId: 'r' })
    const plain = build(new Map(), did)
    const agent = agentOf(
      scriptedModel(
        (_, turn) => [calls(call('flaky'), call('search')), call('book'), text('done')][turn - 1] ?? text('?'),
      ),
      {
        tools: [...plain.definition.tools.values()],
        use: plain.plugins.filter(({ durability }) => !durability),
      },
    )
    let result = await agent.run('go', { runId: 'r' })
    for (const [key, answer] of answers()) {
      if (key.startsWith('r 1')) result = await agent.resume(overTheWire(result.state), { [key.slice(2)]: answer })
    }
    result = await agent.resume(overTheWire(result.state), { '2/tool/0/book/approval': { approved: true } })
    expect(essence(result)).toEqual(essence(durable))
  })

  it('waits until it is answered, and runs nothing again meanwhile', async () => {
    const [journal, given, did] = [new Map<string, string>(), new Map<string, Json>(), [] as string[]]
    const run = () => build(journal, did, given).run('go', { runId: 'r' })
    expect((await run()).waits.map(({ id }) => id)).toEqual(['1/model/wait/guard/sure'])
    given.set('r 1/model/wait/guard/sure', 'yes')
    expect((await run()).waits.map(({ id }) => id)).toEqual(['2/tool/0/book/approval'])
    expect((await run()).waits.map(({ id }) => id)).toEqual(['2/tool/0/book/approval'])
    given.set('r 2/tool/0/book/approval', { approved: true })
    expect(await run()).toMatchObject({ status: 'completed', state: { waits: [], kept: {} } })
    expect(new Set(real(did)).size).toBe(real(did).length)
  })

  it('that was cancelled goes on when it is run again: a cancel is no record', async () => {
    const [journal, did] = [new Map<string, string>(), [] as string[]]
    const controller = new AbortController()
    const agent = build(journal, did).on('AfterModelCall', () => controller.abort('stop'))
    expect(await agent.run('go', { runId: 'r', signal: controller.signal })).toMatchObject({ status: 'cancelled' })
    expect(await build(journal, did).run('go', { runId: 'r' })).toMatchObject({ status: 'completed' })
    expect(new Set(real(did)).size).toBe(real(did).length)
  })
})

describe('a failure', () => {
  it('that was recorded is replayed, not tried again', async () => {
    const journal = new Map<string, string>()
    let asked = 0
    const build = () =>
      agentOf(
        scriptedModel(() => {
          asked++
          throw Object.assign(new Error('bad request'), { statusCode: 400 })
        }),
        { use: [mapDurabilityPlugin(journal)] },
      )
    const first = await failureOf(build().run('go', { runId: 'r' }))
    const second = await failureOf(build().run('go', { runId: 'r' }))
    expect(asked).toBe(1)
    expect(second).toMatchObject({ code: 'MODEL_FAILED', message: (first as Error).message })
  })
})

describe('RUN_CONFLICT', () => {
  it.each([
    ['input', 'other', {}],
    ['context', 'go', { context: 2 }],
    ['conversation', 'go', { context: 1, messages: [{ role: 'user', content: [] }] }],
  ] as const)('is the same runId with another %s', async (_, input, options) => {
    const journal = new Map<string, string>()
    const run = (...args: Parameters<ReturnType<typeof agentOf>['run']>) =>
      agentOf([text('x')], { use: [mapDurabilityPlugin(journal)] }).run(...args)
    await run('go', { runId: 'r', context: 1 })
    expect(await failureOf(run(input, { runId: 'r', ...options }))).toMatchObject({
      code: 'RUN_CONFLICT',
      details: { runId: 'r' },
      cause: { code: 'DIVERGED' },
    })
    expect((await run('go', { runId: 'r', context: 1 })).status).toBe('completed')
  })
})

describe('DIVERGED', () => {
  const tools = [toolOf('search')]
  const script = [call('search', { q: 'x' }), text('done')]

  async function recorded(): Promise<Map<string, string>> {
    const journal = new Map<string, string>()
    await agentOf(script, { tools, use: [mapDurabilityPlugin(journal)] }).run('go', { runId: 'r' })
    return journal
  }

  it('names the step, both sides and the plugins that touched it; the record is untouched, and a roll-back goes on', async () => {
    const journal = await recorded()
    const before = [...journal]
    const guard = hooksOf('guard', {
      BeforeToolCall: (event) => {
        event.step = withInput(event.step, { q: 'y' })
      },
    })
    const other = hooksOf('other', { BeforeToolCall: () => {} })
    const deploy = agentOf(script, { tools, use: [guard, other, mapDurabilityPlugin(journal)] })
    const error = (await failureOf(deploy.run('go', { runId: 'r' }))) as HoldfastError
    expect(error).toMatchObject({ code: 'DIVERGED', details: { step: '1/tool/0/search', plugins: ['guard'] } })
    const { now, recorded: then } = error.details as { now: string; recorded: string }
    expect([now, then].map((side) => side.slice(0, 12))).toEqual(['tool:search:', 'tool:search:'])
    expect(now).not.toBe(then)
    expect(error.message).toContain(`now ${now}, recorded ${then}; touched by guard.`)
    expect([...journal]).toEqual(before)
    expect(
      await agentOf(script, { tools, use: [mapDurabilityPlugin(journal)] }).run('go', { runId: 'r' }),
    ).toMatchObject({ status: 'completed' })
  })

  it('is a step of another kind or name at the same place', async () => {
    const journal = await recorded()
    const record = JSON.parse(journal.get('r 1/tool/0/search') as string)
    journal.set('r 1/tool/0/search', JSON.stringify({ ...record, of: record.of.replace('tool:search', 'tool:book') }))
    expect(
      await failureOf(agentOf(script, { tools, use: [mapDurabilityPlugin(journal)] }).run('go', { runId: 'r' })),
    ).toMatchObject({
      code: 'DIVERGED',
      message: expect.stringContaining('recorded tool:book:'),
    })
  })

  it('stops no other run', async () => {
    const journal = await recorded()
    const agent = agentOf(script, { tools, use: [mapDurabilityPlugin(journal)] })
    agent.on('BeforeToolCall', (event) => {
      event.step = withInput(event.step, { q: 'y' })
    })
    expect(await failureOf(agent.run('go', { runId: 'r' }))).toMatchObject({ code: 'DIVERGED' })
    expect(await agent.run('go', { runId: 's' })).toMatchObject({ status: 'completed' })
  })

  it('is found without an engine too, where a run is resumed', async () => {
    const two = [calls(call('a'), call('b')), text('done')]
    let q = 'x'
    const agent = agentOf(two, {
      tools: [toolOf('a'), toolOf('b', { effect: 'once', timeout: 1, execute: () => new Promise(() => {}) })],
    })
    agent.on('BeforeToolCall', (event) => {
      if (event.step.name === 'a') event.step = withInput(event.step, { q })
    })
    const { state } = await agent.run('go')
    q = 'y'
    expect(
      await failureOf(agent.resume(overTheWire(state), { '1/tool/1/b/unknown': { status: 'unknown' } })),
    ).toMatchObject({ code: 'DIVERGED' })
  })
})

describe('a deploy', () => {
  it('changes no run in flight: instructions, settings and tools are those that it started with', async () => {
    const [journal, given] = [new Map<string, string>(), new Map<string, Json>()]
    const build = (version: string) => {
      const model = scriptedModel([call('book'), text('done')])
      const agent = agentOf(model, {
        instructions: `be ${version}`,
        settings: { seed: version === 'old' ? 1 : 2 },
        tools: [
          toolOf('book', { approval: true, description: `the ${version} one` }),
          ...(version === 'new' ? [toolOf('extra')] : []),
        ],
        use: [mapDurabilityPlugin(journal, given)],
      })
      return { agent, model }
    }
    await build('old').agent.run('go', { runId: 'r' })
    given.set('r 1/tool/0/book/approval', { approved: true })
    const deployed = build('new')
    const result = await deployed.agent.run('go', { runId: 'r' })
    expect(result).toMatchObject({ status: 'completed', text: 'done' })
    const { prompt, options } = deployed.model.calls[0] as (typeof deployed.model.calls)[number]
    expect(prompt[0]).toEqual({ role: 'system', content: 'be old' })
    expect(options).toMatchObject({ seed: 1, tools: [{ name: 'book', description: 'the old one' }] })
    expect(options.tools).toHaveLength(1)
  })
})

describe('run without a durability plugin', () => {
  it('keeps no journal, and asks for none', async () => {
    expect(await agentOf([text('x')]).run('go', { runId: 'r' })).toMatchObject({ status: 'completed' })
  })
})
