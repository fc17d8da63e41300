/** `effect: 'once'`: never run again by itself; an outcome that nobody knows is an outcome. */
import type { Json, RunResult, ToolContext } from 'holdfast'
import { settledStep, tool, wrapStep } from 'holdfast'
import { createHarness } from 'holdfast/testing'
import { describe, expect, it } from 'vitest'
import { agentOf, call, failureOf, overTheWire, text, toolOf } from './support/kit.ts'
import { mapDurabilityPlugin } from './support/map-engine.ts'

const script = [call('book', { flight: 'JL44' }), text('done')]
const WAIT = '1/tool/0/book/unknown'

type Options = Parameters<typeof toolOf>[1]

/** A tool that hangs beyond its timeout the first `hangs` times that it is run. */
function booking(options: Options = {}, hangs = 1) {
  const ran: Pick<ToolContext, 'execution' | 'idempotencyKey'>[] = []
  const book = toolOf('book', {
    effect: 'once',
    timeout: 5,
    execute: (_, { execution, idempotencyKey }) => {
      ran.push({ execution, idempotencyKey })
      return ran.length <= hangs ? new Promise(() => {}) : 'booked now'
    },
    ...options,
  })
  return { book, ran }
}

const outputOf = ({ messages }: RunResult): unknown => {
  const part = messages.find(({ role }) => role === 'tool')?.content[0]
  return typeof part === 'object' && part.type === 'tool-result' ? part.output : undefined
}

describe('a once step whose outcome is unknown', () => {
  it('is reconciled: done gives its output, without another execution', async () => {
    const asked: unknown[] = []
    const { book, ran } = booking({
      reconcile: (input, { stepId, idempotencyKey }) => {
        asked.push({ input, stepId, idempotencyKey })
        return { status: 'done', output: { id: 7 } }
      },
    })
    const result = await agentOf(script, { tools: [book] }).run('go', { runId: 'r' })
    expect(outputOf(result)).toEqual({ type: 'json', value: { id: 7 } })
    const key = 'r/1/tool/0/book'
    expect(asked).toEqual([{ input: { flight: 'JL44' }, stepId: '1/tool/0/book', idempotencyKey: key }])
    expect(ran).toEqual([{ execution: 1, idempotencyKey: key }])
  })

  it('is reconciled: not-done lets it run again, under the same key, as often as that is found', async () => {
    const tasks: string[] = []
    const { book, ran } = booking({ reconcile: () => ({ status: 'not-done' }) }, 2)
    const agent = agentOf(script, { tools: [book] })
    agent.on('BeforeTask', ({ step }) => void tasks.push(step.id))
    expect(outputOf(await agent.run('go', { runId: 'r' }))).toMatchObject({ value: 'booked now' })
    expect(ran.map(({ execution }) => execution)).toEqual([1, 2, 3])
    expect(new Set(ran.map(({ idempotencyKey }) => idempotencyKey))).toEqual(new Set(['r/1/tool/0/book']))
    expect(tasks).toEqual(['1/tool/0/book/reconcile', '1/tool/0/book/reconcile/2'])
  })

  it('stays what another execution came to, where that fails', async () => {
    let ran = 0
    const { book } = booking({
      reconcile: () => ({ status: 'not-done' }),
      execute: () => (++ran === 1 ? new Promise(() => {}) : Promise.reject(new Error('sold out'))),
    })
    expect(outputOf(await agentOf(script, { tools: [book] }).run('go'))).toEqual({
      type: 'error-text',
      value: 'sold out',
    })
  })

  it.each([
    ['can not tell', () => ({ status: 'unknown' })],
    ['tells nothing', () => undefined],
    ['tells nonsense', () => ({ status: 'notdone' })],
    ['fails', () => Promise.reject(new Error('offline'))],
  ])('goes to a person where reconcile %s', async (_, reconcile) => {
    const { book, ran } = booking({ reconcile: reconcile as never })
    const waiting = await agentOf(script, { tools: [book] }).run('go')
    expect(waiting.waits).toEqual([
      { id: WAIT, input: { type: 'unknown-outcome', tool: 'book', input: { flight: 'JL44' }, of: expect.any(String) } },
    ])
    expect(ran).toHaveLength(1)
  })

  it('goes to a person where there is no reconcile; each answer does what it says', async () => {
    const { book, ran } = booking()
    const agent = agentOf(script, { tools: [book] })
    const waiting = await agent.run('go')
    const answered = async (answer: unknown): Promise<unknown> =>
      outputOf(await agent.resume(overTheWire(waiting.state), { [WAIT]: answer }))
    expect(await answered({ status: 'done', output: 'B-1' })).toEqual({ type: 'text', value: 'B-1' })
    expect(await answered({ status: 'unknown' })).toMatchObject({
      type: 'error-text',
      value: expect.stringContaining('is not known'),
    })
    expect(ran).toHaveLength(1)
    expect(await answered({ status: 'not-done' })).toEqual({ type: 'text', value: 'booked now' })
    expect(ran).toHaveLength(2)
    expect(await failureOf(answered({ status: 'perhaps' }))).toMatchObject({ code: 'ANSWER_INVALID' })
  })

  it.each([
    ['the tool says so', { onUnknown: 'error' as const }, []],
    [
      'the engine can not wait',
      {},
      [
        {
          ...mapDurabilityPlugin(new Map()),
          durability: { engine: 'map', dispatch: 'closure', supports: {} },
        } as const,
      ],
    ],
  ])('is told to the model where %s', async (_, options, use) => {
    const { book, ran } = booking(options)
    expect(outputOf(await agentOf(script, { tools: [book], use }).run('go'))).toMatchObject({ type: 'error-text' })
    expect(ran).toHaveLength(1)
  })

  it('waits on an engine too, and goes on by the answer', async () => {
    const [journal, answers] = [new Map<string, string>(), new Map<string, never>()]
    const { book, ran } = booking()
    const run = () =>
      agentOf(script, { tools: [book], use: [mapDurabilityPlugin(journal, answers)] }).run('go', { runId: 'r' })
    expect((await run()).waits).toMatchObject([{ id: WAIT }])
    expect((await run()).waits).toMatchObject([{ id: WAIT }])
    answers.set(`r ${WAIT}`, { status: 'not-done' } as never)
    expect(outputOf(await run())).toMatchObject({ value: 'booked now' })
    expect(ran.map(({ execution }) => execution)).toEqual([1, 2])
  })
})

describe('what became of it', () => {
  it('can be nothing that was given back: done without an output is null', async () => {
    const { book } = booking({ input: {}, reconcile: () => ({ status: 'done' }) as never })
    expect(
      outputOf(
        await agentOf([call('book', undefined, { inputText: 'null' }), text('done')], { tools: [book] }).run('go'),
      ),
    ).toEqual({
      type: 'json',
      value: null,
    })
  })

  it('stays unknown where nobody answers in time', async () => {
    const { book, ran } = booking()
    const agent = agentOf(script, { tools: [book] })
    agent.on('BeforeWait', (event) => {
      event.step = settledStep(event.step, { timedOut: true })
    })
    expect(outputOf(await agent.run('go'))).toMatchObject({
      type: 'error-text',
      value: expect.stringContaining('is not known'),
    })
    expect(ran).toHaveLength(1)
  })
})

describe('a once step', () => {
  it('refuses a retry policy', () => {
    expect(() => toolOf('book', { effect: 'once', retry: {} })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })

  it('refuses retry() in an After… hook', async () => {
    const { book, ran } = booking({}, 0)
    const agent = agentOf(script, { tools: [book] })
    agent.on('AfterToolCall', (event) => event.retry())
    expect(await failureOf(agent.run('go'))).toMatchObject({ code: 'HOOK_FAILED', cause: { code: 'UNSUPPORTED' } })
    expect(ran).toHaveLength(1)
  })

  it('is not run again by a wrapper that retries: it gets the outcome again', async () => {
    const { book, ran } = booking({ reconcile: () => ({ status: 'done', output: 'found' }) })
    const codes: unknown[] = []
    const agent = agentOf(script, { tools: [book] })
    agent.on('BeforeToolCall', (event) => {
      event.step = wrapStep(event.step, async (run) => {
        codes.push(await failureOf(run()))
        return run()
      })
    })
    expect(outputOf(await agent.run('go'))).toMatchObject({ value: 'found' })
    expect(codes).toMatchObject([{ code: 'OUTCOME_UNKNOWN' }])
    expect(ran).toHaveLength(1)
  })

  it('that fails has a known outcome: the model is told', async () => {
    const { book } = booking({
      execute: () => Promise.reject(new Error('sold out')),
      reconcile: () => expect.unreachable(),
    })
    expect(outputOf(await agentOf(script, { tools: [book] }).run('go'))).toEqual({
      type: 'error-text',
      value: 'sold out',
    })
  })

  it('has a mark recorded before its body starts, where the engine has no run-once of its own', async () => {
    const journal = new Map<string, string>()
    let marked: boolean | undefined
    const { book } = booking({
      execute: () => {
        marked = journal.has('r 1/tool/0/book/started')
        return 'booked'
      },
    })
    await agentOf(script, { tools: [book], use: [mapDurabilityPlugin(journal)] }).run('go', { runId: 'r' })
    expect(marked).toBe(true)
  })

  it('that was running when its process died does not run again: a person is asked', async () => {
    const { book } = booking({}, 0)
    const harness = createHarness(agentOf(script, { tools: [book] }))
    const told = await harness.run('go')
    for (const boundary of ['before-effect', 'after-effect'] as const) {
      // The harness saw whether it was done, and is the person.
      expect(outputOf(await harness.crashAt('1/tool/0/book', boundary).resume())).toEqual(outputOf(told))
      expect(harness.trace).toContainEqual({ type: 'wait', step: WAIT, phase: 'live' })
      expect(harness.executions('1/tool/0/book')).toBe(1)
    }
    await harness.crashAt('1/tool/0/book', 'after-record').resume()
    expect(harness.trace.filter(({ type }) => type === 'wait')).toEqual([])
    expect(harness.executions('1/tool/0/book')).toBe(1)
  })

  it('is not marked where the tool is missing: nothing ran, and it runs when the tool is back', async () => {
    const journal = new Map<string, string>()
    const answers = new Map<string, Json>()
    const deployed = (...tools: ReturnType<typeof toolOf>[]) =>
      agentOf(script, { tools, use: [mapDurabilityPlugin(journal, answers)] }).run('go', { runId: 'r' })
    const { book, ran } = booking({ approval: true }, 0)
    const id = (await deployed(book)).waits[0]?.id
    answers.set(`r ${id}`, { approved: true })
    expect(await failureOf(deployed())).toMatchObject({ code: 'TOOL_UNKNOWN' })
    expect(outputOf(await deployed(book))).toEqual({ type: 'text', value: 'booked now' })
    expect(ran).toHaveLength(1)
  })

  it('is refused on an engine by name that has no run-once', async () => {
    const { book } = booking()
    const use = [{ name: 'n', durability: { engine: 'names', dispatch: 'name', supports: { waits: true } } } as const]
    expect(await failureOf(agentOf(script, { tools: [book], use }).run('go'))).toMatchObject({
      code: 'UNSUPPORTED',
      message: "tool 'book' has effect 'once', which engine 'names' does not support.",
    })
  })
})

it('reconcile is for once alone', () => {
  expect(() => tool({ name: 'x', input: {}, reconcile: () => ({ status: 'unknown' }) })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
})
