import { isHoldfastError } from '../../src/errors.ts'
import type { Message } from '../../src/message.ts'
import { describe, expect, test } from 'vitest'
import type { ModelChunk } from '../../src/model.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import {
  attempts,
  breakOff,
  call,
  calls,
  file,
  pause,
  reasoning,
  reply,
  retryableFailure,
  terminalFailure,
  text,
} from '../../src/testing/scripted-reply.ts'
import { ask } from '../support/fake-model.ts'

const said = (...texts: string[]): Message[] =>
  texts.map(
    (value, index) =>
      ({ role: index % 2 === 0 ? 'user' : 'assistant', content: [{ type: 'text', text: value }] }) as Message,
  )

describe('which reply', () => {
  const model = scriptedModel([text('one'), text('two')])

  test('is read from the prompt, whoever asked before', async () => {
    const second = said('a', 'b', 'c')
    expect((await ask(model, { messages: second })).text).toBe('two')
    expect((await ask(model, { messages: said('a') })).text).toBe('one')
    expect((await ask(model, { messages: second })).text).toBe('two')
    expect(model.calls.map(({ turn, attempt }) => [turn, attempt])).toEqual([
      [2, 1],
      [1, 1],
      [2, 2],
    ])
    expect(model.calls[1]?.prompt).toEqual([{ role: 'user', content: [{ type: 'text', text: 'a' }] }])
  })

  test('is missing: it is said which, and for ever', async () => {
    await expect(ask(model, { messages: said('a', 'b', 'c', 'd') })).rejects.toMatchObject({
      kind: 'terminal',
      message: expect.stringContaining('no reply for turn 3'),
    })
  })

  test('is told by a function', async () => {
    const echo = scriptedModel(async (prompt, turn, attempt) => text(`${prompt.length} ${turn} ${attempt}`))
    expect((await ask(echo, { messages: said('a', 'b', 'c') })).text).toBe('3 2 1')
    expect((await ask(echo, { messages: said('a', 'b', 'c') })).text).toBe('3 2 2')
  })

  test('of no attempt at all is a mistake', async () => {
    await expect(ask(scriptedModel([attempts()]))).rejects.toThrow('at least one')
  })

  test('is another when the same is asked again', async () => {
    const flaky = scriptedModel([attempts(retryableFailure({ retryAfter: 5 }), text('done'))])
    await expect(ask(flaky)).rejects.toMatchObject({ kind: 'retryable', retryAfter: 5, details: { statusCode: 503 } })
    expect((await ask(flaky)).text).toBe('done')
    expect((await ask(flaky)).text).toBe('done')
  })
})

describe('a reply', () => {
  test('of all kinds of parts, with ids from their position', async () => {
    const model = scriptedModel([
      calls(
        reasoning('hm', { providerMetadata: { fake: { s: 1 } } }),
        text('see'),
        call('search', { q: 1 }),
        call('web', {}, { providerExecuted: true, dynamic: true, id: 'own' }),
        { type: 'tool-result', toolCallId: 'own', toolName: 'web', result: 'x' },
        call('search', { q: 2 }),
        call('search', undefined, { inputText: '{' }),
        file('image/png', 'AAAA'),
        pause(0),
        { type: 'tool-call', toolName: 'none', providerExecuted: true },
      ),
    ])
    const given = await ask(model)
    expect(given.calls).toEqual([
      { toolCallId: 'call-1-0', toolName: 'search', input: { q: 1 } },
      { toolCallId: 'call-1-2', toolName: 'search', input: { q: 2 } },
      { toolCallId: 'call-1-3', toolName: 'search', input: '{', inputText: '{' },
    ])
    expect(given.message.content.map(({ type }) => type)).toEqual([
      'reasoning',
      'text',
      'tool-call',
      'tool-call',
      'tool-result',
      'tool-call',
      'tool-call',
      'file',
      'tool-call',
    ])
    expect(given).toMatchObject({
      finishReason: 'tool-calls',
      usage: { inputTokens: 10, outputTokens: 5, totalTokens: 15 },
    })

    // As a whole it is the same.
    const whole = await ask({ ...model, doStream: undefined as never })
    expect(whole.message).toEqual(given.message)
    expect(whole.usage).toEqual(given.usage)
  })

  test('says what else it is told to say', async () => {
    const usage = { inputTokens: 1, outputTokens: 2, cachedInputTokens: 3, cacheWriteTokens: 4, reasoningTokens: 5 }
    const model = scriptedModel(
      [reply(text('cut'), { finishReason: 'length', usage, providerMetadata: { fake: { m: 1 } } })],
      { modelId: 'm', usage: {} },
    )
    expect(await ask(model)).toMatchObject({
      finishReason: 'length',
      usage: { ...usage, totalTokens: 3 },
      providerMetadata: { fake: { m: 1 } },
      response: { id: 'reply-1', modelId: 'm' },
    })
    expect((await ask(scriptedModel([text('x')], { usage: {} }))).usage).toEqual({})
  })

  test('comes in pieces', async () => {
    const chunks: ModelChunk[] = []
    const model = scriptedModel(
      [calls(text('abcde', { pieces: ['ab', '', 'cde'] }), text('xyz'), call('t', { a: 1 }))],
      { pieces: 2 },
    )
    await ask(model, { onChunk: (chunk) => chunks.push(chunk) })
    expect(chunks.map(({ delta }) => delta)).toEqual(['ab', 'cde', 'xy', 'z', '{"', 'a"', ':1', '}'])
  })

  test('whose pieces are not its text is refused', async () => {
    await expect(ask(scriptedModel([text('abc', { pieces: ['a'] })]))).rejects.toThrow(/pieces/)
  })
})

describe('failures', () => {
  test('an error for ever', async () => {
    await expect(ask(scriptedModel([terminalFailure({ statusCode: 401, message: 'who?' })]))).rejects.toMatchObject({
      kind: 'terminal',
      details: { statusCode: 401 },
    })
  })

  test.each([
    ['a stream that ends', breakOff(), 'retryable'],
    ['a stream that breaks', breakOff(new TypeError('terminated')), 'retryable'],
    ['an error in the stream', { type: 'error', error: 'no' } as const, 'terminal'],
  ])('%s', async (_, part, kind) => {
    const chunks: ModelChunk[] = []
    const model = scriptedModel([calls(text('half'), part, text('never'))])
    const error = await ask(model, { onChunk: (chunk) => chunks.push(chunk) }).catch((thrown: unknown) => thrown)
    expect(isHoldfastError(error, 'MODEL_FAILED') && error.kind).toBe(kind)
    expect(chunks).toEqual([{ type: 'text', delta: 'half' }])
    await expect(ask({ ...model, doStream: undefined as never })).rejects.toMatchObject({ code: 'MODEL_FAILED' })
  })
})

describe('time', () => {
  test('nothing comes before its time', async () => {
    let open: () => void = () => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    const chunks: string[] = []
    const model = scriptedModel([reply([text('a'), pause(() => gate), text('b'), pause(1), text('c')], { latency: 5 })])
    const done = ask(model, { onChunk: ({ delta }) => chunks.push(delta) })
    expect(chunks).toEqual([])
    await expect.poll(() => chunks).toEqual(['a'])
    open()
    expect((await done).text).toBe('abc')
  })

  test.each([
    ['before the stream', reply(text('never'), { latency: 60_000 })],
    ['within it', calls(text('a'), pause(new Promise(() => {})))],
  ])('an abort %s is heard', async (_, scripted) => {
    const controller = new AbortController()
    const model = scriptedModel([scripted])
    const stream = model.doStream({ prompt: [], abortSignal: controller.signal })
    const read = (async () => {
      const reader = (await stream).stream.getReader()
      while (!(await reader.read()).done);
    })()
    controller.abort(new Error('enough'))
    await expect(read).rejects.toThrow('enough')
  })

  test('an abort that came before is heard', async () => {
    const model = scriptedModel([text('x')])
    await expect(model.doGenerate({ prompt: [], abortSignal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow(
      'enough',
    )
  })

  test('or not, where the model is told to be deaf', async () => {
    const controller = new AbortController()
    const model = scriptedModel([reply(text('on'), { latency: 5 })], { ignoreAbort: true })
    const done = Promise.resolve(model.doGenerate({ prompt: [], abortSignal: controller.signal }))
    controller.abort()
    expect((await done).content).toEqual([{ type: 'text', text: 'on' }])
    await expect(ask(model, { signal: controller.signal })).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  test('a latency that rejects is a failure', async () => {
    await expect(ask(scriptedModel([text('x')], { latency: Promise.reject(new Error('late')) }))).rejects.toThrow(
      'late',
    )
  })
})
