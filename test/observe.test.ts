/** Observers are told once per thing that really happened; their ids are the same on replay. */
import type { AgentEvent, AgentPlugin, Json, StepRecord } from 'holdfast'
import { describeStep, durable, executeStep, executionId } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { agentOf, call, calls, deferred, failureOf, text, toolOf } from './support/kit.ts'
import { mapDurabilityPlugin } from './support/map-engine.ts'

const brief = (event: AgentEvent): string => {
  const what =
    'step' in event
      ? executionId(event.step)
      : 'waitId' in event
        ? event.waitId
        : 'message' in event
          ? event.message.role
          : ''
  return `${event.id.seq} ${event.phase} ${event.type} ${what}`.trim()
}

function watch(observeReplay = false): { plugin: AgentPlugin; events: AgentEvent[] } {
  const events: AgentEvent[] = []
  return { plugin: { name: 'watch', observeReplay, observe: (event) => void events.push(event) }, events }
}

const tools = [toolOf('a'), toolOf('b', { approval: true })]
const script = [calls(call('a'), call('b')), text('done')]

describe('an observer', () => {
  it('is told of all that happens, in order', async () => {
    const { plugin, events } = watch()
    const agent = agentOf(script, {
      tools: [tools[0] as never, toolOf('b', { execute: () => Promise.reject(new Error('no')) })],
      use: [plugin],
    })
    await agent.run('go', { runId: 'r' })
    expect(events.map(brief)).toEqual([
      '1 live run-started',
      '2.001001 live step-started run',
      '3 live message-added user',
      '4.001001 live step-started 1/model',
      '4.001002 live step-finished 1/model',
      '5 live message-added assistant',
      '6.001001 live step-started 1/tool/0/a',
      '7.001001 live step-started 1/tool/1/b',
      '6.001002 live step-finished 1/tool/0/a',
      '7.001002 live step-finished 1/tool/1/b',
      '8 live message-added tool',
      '9.001001 live step-started 2/model',
      '9.001002 live step-finished 2/model',
      '10 live message-added assistant',
      '2.001002 live step-finished run',
      '11 live run-finished',
    ])
    expect(events.every(({ agent: name, id }) => name === 'main' && id.runId === 'r')).toBe(true)
    expect(events.find((event) => event.type === 'step-finished' && event.error)).toMatchObject({
      error: { code: 'TOOL_FAILED', message: 'no' },
    })
    expect(events.at(-1)).toMatchObject({ status: 'completed' })
  })

  it('is told of a run that fails, with the error', async () => {
    const { plugin, events } = watch()
    await failureOf(agentOf([], { use: [plugin] }).run('go'))
    expect(events.at(-1)).toMatchObject({ type: 'run-finished', status: 'failed', error: { code: 'MODEL_FAILED' } })
  })

  it('is told of a run whose AfterInvocation hook fails', async () => {
    const { plugin, events } = watch()
    const agent = agentOf([text('x')], { use: [plugin] }).on('AfterInvocation', () => {
      throw new Error('mine')
    })
    await failureOf(agent.run('go'))
    expect(events.at(-1)).toMatchObject({ type: 'run-finished', status: 'failed', error: { code: 'HOOK_FAILED' } })
  })

  it('has no say in the run: what it throws is ignored', async () => {
    const plugin: AgentPlugin = {
      name: 'loud',
      observe: () => {
        throw new Error('mine')
      },
    }
    expect((await agentOf([text('x')], { use: [plugin] }).run('go')).status).toBe('completed')
  })
})

describe('events inside of a step that runs beside others', () => {
  it('are numbered by that step: marks, reconciling, waits', async () => {
    const seen: string[][] = []
    for (const slow of ['a', 'b']) {
      const { plugin, events } = watch()
      const hanging = (name: string) =>
        toolOf(name, {
          effect: 'once',
          timeout: name === slow ? 12 : 3,
          reconcile: () => ({ status: 'unknown' }),
          execute: () => new Promise(() => {}),
        })
      await agentOf(script, { tools: [hanging('a'), hanging('b')], use: [plugin, mapDurabilityPlugin(new Map())] }).run(
        'go',
        { runId: 'r' },
      )
      seen.push(
        events
          .filter(({ id }) => id.seq > 5)
          .map(brief)
          .sort(),
      )
    }
    expect(seen[0]).toEqual(seen[1])
    const waits = seen[0]?.filter((line) => line.includes('wait-opened'))
    expect(waits?.map((line) => line.replace(/^(\d+)\.\d+ live/, '$1'))).toEqual([
      '6 wait-opened 1/tool/0/a/unknown',
      '7 wait-opened 1/tool/1/b/unknown',
    ])
  })
})

describe('a wait on an engine that says when it is open', () => {
  it('is told of then, once, before it is settled', async () => {
    const { plugin, events } = watch()
    const answer = deferred<Json>()
    const engine: AgentPlugin = {
      name: 'blocking',
      durability: { engine: 'blocking', dispatch: 'closure', supports: { waits: true } },
      hooks: durable({
        execute: (step) => step,
        wait: (step, run) => ({
          ...step,
          run: async () => {
            run.opened(step.id)
            run.opened(step.id)
            expect(events.at(-1)).toMatchObject({ type: 'wait-opened', waitId: '1/tool/1/b/approval', phase: 'live' })
            answer.resolve({ approved: true })
            return { answer: await answer.promise }
          },
        }),
      }),
    }
    await agentOf(script, { tools, use: [plugin, engine] }).run('go')
    expect(events.filter(({ type }) => type.startsWith('wait')).map(({ type }) => type)).toEqual([
      'wait-opened',
      'wait-settled',
    ])
  })
})

describe('on replay', () => {
  async function twoLives(observeReplay: boolean) {
    const [journal, answers] = [new Map<string, string>(), new Map<string, Json>()]
    const lives = []
    for (let life = 0; life < 3; life++) {
      const { plugin, events } = watch(observeReplay)
      await agentOf(script, { tools, use: [plugin, mapDurabilityPlugin(journal, answers)] }).run('go', { runId: 'r' })
      lives.push(events)
      answers.set('r 1/tool/1/b/approval', { approved: true })
    }
    return lives as [AgentEvent[], AgentEvent[], AgentEvent[]]
  }

  it('by default only what really happens is told: each step once over all lives', async () => {
    const lives = await twoLives(false)
    const started = lives
      .flat()
      .flatMap((event) => (event.type === 'step-started' && event.step.kind !== 'agent' ? [event.step.id] : []))
    expect(started).toEqual(['0/start', '1/model', '1/tool/0/a', '1/tool/1/b', '2/model'])
    expect(lives[2]).toEqual([])
    expect(lives.flat().every(({ phase }) => phase === 'live')).toBe(true)
  })

  it('those who want it are told of the replay too, under the same ids', async () => {
    const lives = await twoLives(true)
    const told = new Map<string, string>()
    for (const event of lives.flat()) {
      const key = `${event.id.runId} ${event.id.seq}`
      const what = brief(event).replace(/^\S+ \S+ /, '')
      expect(told.get(key) ?? what, key).toBe(what)
      told.set(key, what)
    }
    expect(lives[2].map(({ phase }) => phase)).toEqual(lives[2].map(() => 'replay'))
    expect(lives[2].map(brief).map((line) => line.replace(' replay ', ' '))).toEqual(
      lives[2].map(({ id }) => `${id.seq} ${told.get(`r ${id.seq}`)}`),
    )
  })

  it('a step that ran beside one that was recorded makes what follows live, whichever ends last', async () => {
    const journal = new Map<string, string>()
    const two = [toolOf('a'), toolOf('b')]
    await agentOf(script, { tools: two, use: [mapDurabilityPlugin(journal)] }).run('go', { runId: 'r' })
    for (const key of ['r 1/tool/1/b', 'r 2/model']) journal.delete(key)
    const { plugin, events } = watch()
    const slow = mapDurabilityPlugin(journal)
    const late: AgentPlugin = {
      ...slow,
      hooks: durable({
        execute: (step, run) => ({
          ...step,
          run: async (context) => {
            const known = journal.get(`${run.runId} ${executionId(step)}`)
            if (known === undefined) return step.run(context)
            for (let i = 0; i < 100; i++) await null
            return JSON.parse(known)
          },
        }),
      }),
    }
    await agentOf(script, { tools: two, use: [plugin, late] }).run('go', { runId: 'r' })
    expect(events.map(({ type }) => type)).toContain('message-added')
    expect(events.map(brief).filter((line) => line.includes('message-added tool'))).toHaveLength(1)
  })
})

describe('an engine that executes by name', () => {
  const worker = agentOf([text('x')])
  /** The worker executes; the record is here. */
  function byName(journal: Map<string, StepRecord>, replaying: () => boolean): AgentPlugin {
    return {
      name: 'names',
      durability: { engine: 'names', dispatch: 'name', supports: { once: true }, isReplaying: replaying },
      hooks: durable({
        execute: (step, { runId, spec, messages }) => ({
          ...step,
          run: async () => {
            const key = executionId(step)
            const known = journal.get(key)
            if (known) return known
            const record = await executeStep(worker, describeStep(step), { runId, spec, messages, retries: 'engine' })
            journal.set(key, record)
            return record
          },
        }),
      }),
    }
  }

  it('says itself what is a replay: live steps are told as live, though they run elsewhere', async () => {
    const journal = new Map<string, StepRecord>()
    const first = watch()
    await agentOf([text('x')], { use: [first.plugin, byName(journal, () => false)] }).run('go', { runId: 'r' })
    expect(first.events.map(({ type, phase }) => `${phase} ${type}`)).toEqual(
      [
        'run-started',
        'step-started',
        'message-added',
        'step-started',
        'step-finished',
        'message-added',
        'step-finished',
        'run-finished',
      ].map((type) => `live ${type}`),
    )
    const second = watch()
    await agentOf([text('x')], { use: [second.plugin, byName(journal, () => true)] }).run('go', { runId: 'r' })
    expect(second.events).toEqual([])
  })
})
