import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { chainDigest, digest } from '../src/digest.ts'
import type { Json } from '../src/json.ts'
import type { RunState } from '../src/machine.ts'
import { addTokens, afterCancel, afterCompact, afterModel, afterTools, nextOf, startRun } from '../src/machine.ts'
import type { AssistantPart, Message, ToolResultOutput } from '../src/message.ts'
import type { AgentSpec, ToolSpec } from '../src/spec.ts'
import type { ModelOutput, ModelToolCall } from '../src/step-kinds.ts'
import { deepFreeze } from '../src/json.ts'

const toolSpec = (name: string, type: ToolSpec['type'] = 'tool'): ToolSpec => ({
  type,
  name,
  inputSchema: {},
  approval: 'never',
  policy: { effect: 'repeatable' },
  reconcile: false,
  onUnknown: 'error',
})

const spec = (over: Partial<AgentSpec> = {}): AgentSpec => ({
  version: 1,
  name: 'travel',
  models: ['default'],
  tools: [toolSpec('search'), toolSpec('helper', 'agent')],
  limits: { turns: 50 },
  modelPolicy: { effect: 'repeatable' },
  ...over,
})

const user = (text: string): Message => ({ role: 'user', content: [{ type: 'text', text }] })

function replied(parts: readonly AssistantPart[], over: Partial<ModelOutput> = {}): ModelOutput {
  const calls = parts.flatMap((part): ModelToolCall[] =>
    part.type === 'tool-call' && !part.providerExecuted
      ? [{ toolCallId: part.toolCallId, toolName: part.toolName, input: part.input }]
      : [],
  )
  const usage = { inputTokens: 10, outputTokens: 5 }
  return { message: { role: 'assistant', content: parts }, calls, finishReason: 'stop', usage, ...over }
}
const said = (text: string, over: Partial<ModelOutput> = {}): ModelOutput => replied([{ type: 'text', text }], over)
const called = (...names: string[]): ModelOutput =>
  replied(names.map((toolName, i) => ({ type: 'tool-call', toolCallId: `c${i}`, toolName, input: { i } })))
const result = (value: string): ToolResultOutput => ({ type: 'text', value })

/** What may come of each step; the machine itself says which of it does. */
const outcomes = fc.array(
  fc.record({
    names: fc.array(fc.constantFrom('search', 'helper', 'nothing'), { maxLength: 3 }),
    invalid: fc.boolean(),
    output: fc.option(fc.jsonValue() as fc.Arbitrary<Json>, { nil: undefined }),
    asks: fc.boolean(),
    tokens: fc.option(fc.nat(1000), { nil: undefined }),
    cancel: fc.nat(20).map((n) => n === 0),
    results: fc.array(fc.string().map(result), { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 12 },
)
type Outcome = (typeof outcomes extends fc.Arbitrary<infer O> ? O : never) extends readonly (infer E)[] ? E : never

const specs = fc.record({
  output: fc.boolean(),
  compact: fc.boolean(),
  tokens: fc.option(fc.integer({ min: 1, max: 3000 }), { nil: undefined }),
  turns: fc.integer({ min: 1, max: 8 }),
})

function specOf({ output, compact, tokens, turns }: typeof specs extends fc.Arbitrary<infer S> ? S : never): AgentSpec {
  return spec({
    limits: { turns, ...(tokens !== undefined && { tokens }) },
    ...(output && { output: {} }),
    ...(compact && { compact: { messages: 5 } }),
  })
}

function advance(state: RunState, outcome: Outcome): RunState {
  const next = nextOf(state)
  if (next.type === 'end') return state
  if (outcome.cancel) return afterCancel(state, 'enough')
  if (next.type === 'compact') return afterCompact(state, [user('in short')])
  if (next.type === 'tools') {
    return addTokens(afterTools(state, outcome.results, [{ approved: true, reason: 'ok' }]), { totalTokens: 1 })
  }
  const calls = outcome.names.map(
    (toolName, i): AssistantPart => ({ type: 'tool-call', toolCallId: `c${i}`, toolName, input: { i } }),
  )
  const asked: AssistantPart[] = outcome.asks
    ? [
        { type: 'tool-call', toolCallId: 'p', toolName: 'web', input: 'x', providerExecuted: true },
        { type: 'approval-request', approvalId: 'a', toolCallId: 'p' },
      ]
    : []
  const output = replied([{ type: 'text', text: 'hm' }, ...calls, ...asked], {
    usage: outcome.tokens === undefined ? {} : { inputTokens: outcome.tokens },
    ...(outcome.output !== undefined && { output: outcome.output }),
  })
  if (!outcome.invalid || output.calls.length === 0) return afterModel(state, output)
  return afterModel(state, { ...output, calls: output.calls.map((call) => ({ ...call, invalid: 'no' })) })
}

const start = (of: AgentSpec): RunState => startRun(of, { runId: 'r', input: 'go', context: { tenant: 'acme' } })
const wire = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T

describe('the machine, whatever comes', () => {
  it('has a state that is plain JSON and complete: taken over the wire at any moment, all goes the same way', () => {
    fc.assert(
      fc.property(specs, outcomes, (over, all) => {
        let here = start(specOf(over))
        let there = wire(here)
        for (const outcome of all) {
          assert.deepEqual(wire(here), here)
          assert.deepEqual(nextOf(there), nextOf(here))
          here = advance(here, outcome)
          there = wire(advance(there, wire(outcome)))
          assert.deepEqual(there, here)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('leaves what it is given untouched', () => {
    fc.assert(
      fc.property(specs, outcomes, (over, all) => {
        let state = deepFreeze(start(specOf(over)))
        for (const outcome of all) state = deepFreeze(advance(state, deepFreeze(outcome)))
      }),
    )
  })

  it('keeps a conversation that a model accepts: each call has exactly one result in the message that follows', () => {
    fc.assert(
      fc.property(specs, outcomes, (over, all) => {
        let state = all.reduce(advance, start(specOf({ ...over, compact: false })))
        if (nextOf(state).type === 'tools') state = afterCancel(state, undefined)
        for (const [index, message] of state.messages.entries()) {
          if (message.role !== 'assistant') continue
          const ids = message.content.flatMap((part) =>
            part.type === 'tool-call' && !part.providerExecuted
              ? [part.toolCallId]
              : part.type === 'approval-request'
                ? [part.approvalId]
                : [],
          )
          const after = state.messages[index + 1]
          const answered =
            after?.role === 'tool'
              ? after.content.map((part) => (part.type === 'tool-result' ? part.toolCallId : part.approvalId))
              : []
          assert.deepEqual(answered, ids)
        }
      }),
    )
  })

  it('never makes a step id twice, and takes them from turn, place and name alone', () => {
    fc.assert(
      fc.property(specs, outcomes, (over, all) => {
        const ids: string[] = []
        let state = start(specOf(over))
        for (const outcome of all) {
          const next = nextOf(state)
          if (next.type === 'model' || next.type === 'compact') ids.push(next.step.id)
          if (next.type === 'tools') {
            ids.push(
              ...next.calls.flatMap(({ step }) => (step ? [step.id] : [])),
              ...next.asked.map(({ waitId }) => waitId),
            )
          }
          const after = advance(state, outcome)
          if (after === state) break
          state = after
        }
        expect(new Set(ids).size).toBe(ids.length)
        for (const id of ids) {
          expect(id).toMatch(/^\d+\/(model|compact|tool\/\d\/search|agent\/\d\/helper|provider\/\d\/approval)$/)
        }
      }),
    )
  })

  it('gives model steps whose base and append are the whole conversation, the digest chained per message', () => {
    fc.assert(
      fc.property(specs, outcomes, (over, all) => {
        const of = specOf(over)
        let state = start(of)
        for (const outcome of all) {
          const next = nextOf(state)
          if (next.type === 'model') {
            const { base, append } = next.step.input
            assert.deepEqual([...state.messages.slice(0, base.length), ...append], state.messages)
            const fresh = digest(of as unknown as Json)
            const first = state.compactions === 0 ? fresh : chainDigest(fresh, state.compactions)
            const chained = state.messages
              .slice(0, base.length)
              .reduce((before, message) => chainDigest(before, message as unknown as Json), first)
            expect(base.digest).toBe(chained)
          }
          state = advance(state, outcome)
        }
      }),
    )
  })

  it('ends within its limit of turns', () => {
    fc.assert(
      fc.property(specs, outcomes, (over, all) => {
        const state = all.reduce(advance, start(specOf(over)))
        expect(state.turn).toBeLessThanOrEqual(over.turns)
      }),
    )
  })
})

describe('a run', () => {
  it('begins with what it is started with', () => {
    const earlier = [user('before')]
    const state = startRun(spec(), { runId: 'r', path: '1/agent/0/x/', input: 'go', messages: earlier })
    expect(state.messages).toEqual([user('before'), user('go')])
    expect(state).toMatchObject({
      runId: 'r',
      path: '1/agent/0/x/',
      context: null,
      status: 'running',
      turn: 0,
      usage: {},
    })
  })

  it('takes content parts, and no message at all for none', () => {
    const part = { type: 'text', text: 'x' } as const
    expect(startRun(spec(), { runId: 'r', input: [part] }).messages).toEqual([{ role: 'user', content: [part] }])
    expect(startRun(spec(), { runId: 'r', input: [], messages: [user('x')] }).messages).toEqual([user('x')])
  })

  it('asks the first model with the settings of the spec', () => {
    const of = spec({ models: ['fast', 'smart'], settings: { temperature: 0 }, toolChoice: 'required' })
    expect(nextOf(start(of))).toMatchObject({
      type: 'model',
      step: {
        input: { model: 'fast', settings: { temperature: 0 }, toolChoice: 'required' },
        policy: { effect: 'repeatable' },
      },
    })
    expect(nextOf(start(spec({ models: [] })))).toMatchObject({ step: { input: { model: 'default' } } })
  })

  it('completes with a reply that calls nothing', () => {
    const state = afterModel(start(spec()), said('done'))
    expect(state).toMatchObject({ status: 'completed', turn: 1, usage: { inputTokens: 10, outputTokens: 5 } })
    expect(nextOf(state)).toEqual({ type: 'end' })
    expect(nextOf({ ...state, status: 'running' })).toEqual({ type: 'end' })
  })

  it('plans a step for each call but those that are invalid or of no known tool', () => {
    const output = called('search', 'nothing', 'helper', 'search')
    const calls = output.calls.map((call, index) => (index === 3 ? { ...call, invalid: 'bad' } : call))
    const next = nextOf(afterModel(start(spec()), { ...output, calls }))
    assert(next.type === 'tools')
    expect(next.calls.map(({ step }) => step?.id)).toEqual([
      '1/tool/0/search',
      undefined,
      '1/agent/2/helper',
      undefined,
    ])
  })

  it('tells the model of a call that got no result', () => {
    const state = afterTools(afterModel(start(spec()), called('search', 'search')), [result('a')])
    expect(state.messages.at(-1)).toMatchObject({
      content: [{ output: { value: 'a' } }, { output: { type: 'error-text', value: 'No result.' } }],
    })
  })
})

describe('limits', () => {
  it('end a run after its turns, when the batch is done', () => {
    const once = afterModel(start(spec({ limits: { turns: 1 } })), called('search'))
    expect(once.status).toBe('running')
    const state = afterTools(once, [result('x')])
    expect(state).toMatchObject({ status: 'limit', reason: 'the limit of 1 model calls is reached' })
    expect(state.messages.at(-1)?.role).toBe('tool')
  })

  it('end a run after its tokens, as the provider counts them or as the sum of both', () => {
    const limited = (usage: ModelOutput['usage']): string =>
      afterTools(afterModel(start(spec({ limits: { turns: 9, tokens: 15 } })), { ...called('search'), usage }), [])
        .status
    expect(limited({ inputTokens: 10, outputTokens: 5 })).toBe('limit')
    expect(limited({ totalTokens: 15 })).toBe('limit')
    expect(limited({ inputTokens: 10, outputTokens: 4 })).toBe('running')
    expect(limited({})).toBe('running')
  })

  it('do not take away an answer that is there', () => {
    expect(afterModel(start(spec({ limits: { turns: 1 } })), said('done')).status).toBe('completed')
  })
})

describe('structured output', () => {
  const asking = start(spec({ output: {}, limits: { turns: 2 } }))

  it('is the output of the run, also where it is null', () => {
    expect(afterModel(asking, said('{}', { output: { a: 1 } }))).toMatchObject({
      status: 'completed',
      output: { a: 1 },
    })
    expect(afterModel(asking, said('null', { output: null }))).toMatchObject({ status: 'completed', output: null })
  })

  it('is asked for again with what is wrong, within the limit', () => {
    const again = afterModel(asking, said('x', { outputInvalid: 'not JSON' }))
    expect(again.status).toBe('running')
    expect(again.messages.at(-1)).toEqual(
      user('Your reply is not the JSON that was asked for: not JSON. Reply with the corrected JSON alone.'),
    )
    expect(nextOf(again)).toMatchObject({ type: 'model', step: { id: '2/model' } })
    const ended = afterModel(again, said('y'))
    expect(ended).toMatchObject({ status: 'limit', turn: 2 })
    expect(JSON.stringify(ended.messages.at(-1))).toContain('no JSON.')
  })
})

describe('a cancel', () => {
  it('gives calls without a result one', () => {
    const state = afterCancel(afterModel(start(spec()), called('search', 'helper')), 'enough')
    expect(state).toMatchObject({ status: 'cancelled', reason: 'enough' })
    expect(state.messages.at(-1)).toMatchObject({
      role: 'tool',
      content: [
        { toolCallId: 'c0', output: { type: 'error-text' } },
        { toolCallId: 'c1', output: { type: 'error-text' } },
      ],
    })
    expect(nextOf(state)).toEqual({ type: 'end' })
  })

  it('refuses what a provider asked leave for, also where nothing else was called', () => {
    const output = replied([
      { type: 'tool-call', toolCallId: 'p', toolName: 'web', input: 'x', providerExecuted: true },
      { type: 'approval-request', approvalId: 'a', toolCallId: 'p' },
    ])
    const state = afterCancel(afterModel(start(spec()), output), undefined)
    expect(state.messages.at(-1)).toEqual({
      role: 'tool',
      content: [{ type: 'approval-response', approvalId: 'a', approved: false }],
    })
  })

  it('adds nothing between batches', () => {
    const state = start(spec())
    expect(afterCancel(state, undefined).messages).toBe(state.messages)
    expect('reason' in afterCancel(state, undefined)).toBe(false)
  })
})

describe('what a provider asks leave for', () => {
  const output = (toolCallId: string): ModelOutput =>
    replied([
      { type: 'tool-call', toolCallId: 'p', toolName: 'web', input: { q: 'x' }, providerExecuted: true },
      { type: 'approval-request', approvalId: 'a', toolCallId },
    ])

  it('is planned with the call that it is about', () => {
    const next = nextOf(afterModel(start(spec()), output('p')))
    expect(next).toMatchObject({
      type: 'tools',
      calls: [],
      asked: [{ waitId: '1/provider/0/approval', tool: 'web', input: { q: 'x' } }],
    })
    expect(nextOf(afterModel(start(spec()), output('gone')))).toMatchObject({
      asked: [{ tool: 'unknown', input: null }],
    })
  })

  it('is answered in the message of the batch', () => {
    const asked = afterModel(start(spec()), output('p'))
    const part = (approved: boolean, reason?: string): unknown =>
      afterTools(asked, [], [{ approved, ...(reason !== undefined && { reason }) }]).messages.at(-1)?.content[0]
    expect(part(true)).toEqual({ type: 'approval-response', approvalId: 'a', approved: true })
    expect(part(false, 'no')).toMatchObject({ approved: false, reason: 'no' })
    expect(afterTools(asked, []).messages.at(-1)?.content[0]).toMatchObject({ approved: false })
  })
})

describe('compaction', () => {
  const long = (over: AgentSpec['compact'] & {}): RunState =>
    afterTools(afterModel(start(spec({ compact: over })), called('search')), [result('x')])

  it.each([
    ['messages', { messages: 3 }],
    ['tokens', { inputTokens: 10 }],
  ])('is due when %s have grown so far', (_, when) => {
    expect(nextOf(long(when))).toMatchObject({
      type: 'compact',
      step: { kind: 'task', id: '2/compact', name: 'holdfast.compact', input: { base: { length: 1 } } },
    })
    expect(nextOf(long({ messages: 4, inputTokens: 11 })).type).toBe('model')
    expect(nextOf(start(spec({ compact: when }))).type).toBe('model')
  })

  it('is due when a hook has asked for it, and never without compact', () => {
    expect(nextOf({ ...long({}), compacting: true }).type).toBe('compact')
    const without = afterTools(afterModel(start(spec()), called('search')), [result('x')])
    expect(nextOf({ ...without, compacting: true }).type).toBe('model')
  })

  it('begins a new base that equals no other, and is not due again at once', () => {
    const before = long({ messages: 1 })
    const state = afterCompact({ ...before, compacting: true }, [user('short'), user('still two')])
    const next = nextOf(state)
    assert(next.type === 'model')
    expect(next.step.id).toBe('2/model')
    expect(next.step.input).toMatchObject({ base: { length: 0 }, append: [user('short'), user('still two')] })
    expect(next.step.input.base.digest).not.toBe(start(before.spec).base.digest)
    expect(afterCompact(state, state.messages).base.digest).not.toBe(state.base.digest)
  })
})

describe('ids and digests are a wire format', () => {
  it('that never changes', () => {
    const state = afterTools(afterModel(start(spec()), called('search', 'helper')), [result('x'), result('y')])
    expect(start(spec()).base).toEqual({ length: 0, digest: 'fccf184e39f5d676f4fbd7a6eb189c12' })
    expect(state.base).toEqual({ length: 1, digest: 'd28343ed9463977079ca24848ad2ad23' })
    const nested = { ...state, path: '1/agent/1/helper/' }
    expect(nextOf(nested)).toMatchObject({ step: { id: '1/agent/1/helper/2/model', execution: 1, name: 'model' } })
    const called2 = nextOf(afterModel(nested, called('search')))
    expect(called2).toMatchObject({ calls: [{ step: { id: '1/agent/1/helper/2/tool/0/search' } }] })
  })
})
