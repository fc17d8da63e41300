import fc from 'fast-check'
import { callModel } from '../src/model.ts'
import { describe, expect, test, vi } from 'vitest'
import type { StreamPart } from '../src/model/parts.ts'
import type { ModelChunk } from '../src/model.ts'
import { ask, FINISH, fakeModel, replyTo, streamOf } from './support/fake-model.ts'

const signed = (signature: string) => ({ anthropic: { signature } })

describe('the parts of a stream', () => {
  test('stand in the order in which they started, however they overlap', async () => {
    const { message, calls } = await replyTo([
      { type: 'text-start', id: 't' },
      { type: 'tool-input-start', id: 'a', toolName: 'search' },
      { type: 'reasoning-start', id: 'r' },
      { type: 'tool-input-start', id: 'b', toolName: 'book' },
      { type: 'reasoning-delta', id: 'r', delta: 'hm' },
      { type: 'tool-call', toolCallId: 'b', toolName: 'book', input: '{"n":2}' },
      { type: 'text-delta', id: 't', delta: 'both' },
      { type: 'tool-call', toolCallId: 'a', toolName: 'search', input: '{"n":1}' },
      { type: 'reasoning-end', id: 'r' },
      { type: 'text-end', id: 't' },
    ])
    expect(message.content).toEqual([
      { type: 'text', text: 'both' },
      { type: 'tool-call', toolCallId: 'a', toolName: 'search', input: { n: 1 } },
      { type: 'reasoning', text: 'hm' },
      { type: 'tool-call', toolCallId: 'b', toolName: 'book', input: { n: 2 } },
    ])
    expect(calls.map(({ toolCallId }) => toolCallId)).toEqual(['a', 'b'])
  })

  test.each(['text', 'reasoning'] as const)('of %s: the latest metadata of start, delta and end wins', async (type) => {
    const block = (id: string, ...given: (string | undefined)[]): StreamPart[] => {
      const meta = (value: string | undefined) => (value === undefined ? {} : { providerMetadata: signed(value) })
      return [
        { type: `${type}-start`, id, ...meta(given[0]) },
        { type: `${type}-delta`, id, delta: id, ...meta(given[1]) },
        { type: `${type}-end`, id, ...meta(given[2]) },
      ]
    }
    const { message } = await replyTo([
      ...block('all', 's', 'd', 'e'),
      ...block('delta', 's', 'd'),
      ...block('start', 's'),
      ...block('none'),
    ])
    expect(message.content).toEqual([
      { type, text: 'all', providerOptions: signed('e') },
      { type, text: 'delta', providerOptions: signed('d') },
      { type, text: 'start', providerOptions: signed('s') },
      { type, text: 'none' },
    ])
  })

  test('an id that is used again begins a new block', async () => {
    const block = (delta: string): StreamPart[] => [
      { type: 'text-start', id: '0' },
      { type: 'text-delta', id: '0', delta },
    ]
    const { message, text } = await replyTo([
      ...block('one'),
      ...block('two'),
      { type: 'text-end', id: '0' },
      ...block('three'),
    ])
    expect(message.content.map((part) => 'text' in part && part.text)).toEqual(['one', 'two', 'three'])
    expect(text).toBe('onetwothree')
  })

  test('empty blocks are left out, but for those that are there for their metadata', async () => {
    const { message } = await replyTo([
      { type: 'text-start', id: 't' },
      { type: 'text-end', id: 't' },
      { type: 'reasoning-start', id: 'r', providerMetadata: signed('redacted') },
      { type: 'reasoning-end', id: 'r' },
    ])
    expect(message.content).toEqual([{ type: 'reasoning', text: '', providerOptions: signed('redacted') }])
  })

  test('a later result of a call replaces a preliminary one, in its place', async () => {
    const result = (value: string, more: object): StreamPart => ({
      type: 'tool-result',
      toolCallId: 'i',
      toolName: 'image',
      result: value,
      ...more,
    })
    const { message, calls } = await replyTo([
      { type: 'tool-call', toolCallId: 'i', toolName: 'image', input: '', providerExecuted: true, dynamic: true },
      result('blurred', { preliminary: true }),
      { type: 'text-start', id: 't' },
      { type: 'text-delta', id: 't', delta: 'there' },
      result('sharper', { preliminary: true }),
      result('sharp', { dynamic: true }),
    ])
    expect(message.content).toEqual([
      { type: 'tool-call', toolCallId: 'i', toolName: 'image', input: {}, providerExecuted: true, dynamic: true },
      {
        type: 'tool-result',
        toolCallId: 'i',
        toolName: 'image',
        output: { type: 'text', value: 'sharp' },
        providerExecuted: true,
        dynamic: true,
      },
      { type: 'text', text: 'there' },
    ])
    expect(calls).toEqual([])
  })

  test('a call with a result in the reply is never executed here, flagged or not', async () => {
    const { calls } = await replyTo([
      { type: 'tool-call', toolCallId: 'a', toolName: 'x', input: '{}' },
      { type: 'tool-result', toolCallId: 'a', toolName: 'x', result: { failed: true }, isError: true },
    ])
    expect(calls).toEqual([])
  })

  test('input that is no JSON is kept as text', async () => {
    const call = (toolCallId: string, input: string): StreamPart => ({
      type: 'tool-call',
      toolCallId,
      toolName: 'x',
      input,
    })
    const { calls } = await replyTo([
      call('a', '{"q": '),
      call('b', ' '),
      call('c', '[1e999]'),
      call('d', '{"__proto__":[-0]}'),
    ])
    expect(calls[0]).toEqual({ toolCallId: 'a', toolName: 'x', input: '{"q": ', inputText: '{"q": ' })
    expect(calls[1]).toEqual({ toolCallId: 'b', toolName: 'x', input: {} })
    expect(calls[2]?.inputText).toBe('[1e999]')
    expect(JSON.stringify(calls[3]?.input)).toBe('{"__proto__":[0]}')
    expect(Object.is((Object.values(calls[3]?.input as object)[0] as number[])[0], 0)).toBe(true)
  })

  test('a tool input may come without a start; its metadata counts where the call has none', async () => {
    const chunks: ModelChunk[] = []
    const parts: StreamPart[] = [
      { type: 'tool-input-delta', id: 'a', delta: '{}', providerMetadata: signed('input') },
      { type: 'tool-call', toolCallId: 'a', toolName: 'x', input: '{}' },
      { type: 'tool-input-start', id: 'b', toolName: 'x', providerMetadata: signed('input') },
      { type: 'tool-call', toolCallId: 'b', toolName: 'x', input: '{}', providerMetadata: signed('call') },
    ]
    const { message } = await replyTo(parts, { onChunk: (chunk) => chunks.push(chunk) })
    expect(message.content.map(({ providerOptions }) => providerOptions)).toEqual([signed('input'), signed('call')])
    expect(chunks).toEqual([{ type: 'tool-input', toolCallId: 'a', toolName: '', delta: '{}' }])
  })

  test('a tool input without its call is no call', async () => {
    const { message, calls } = await replyTo([
      { type: 'tool-input-start', id: 'a', toolName: 'x' },
      { type: 'tool-input-delta', id: 'a', delta: '{' },
    ])
    expect([message.content, calls]).toEqual([[], []])
  })

  test('what is about the whole: usage, warnings, metadata, response', async () => {
    const reply = await replyTo([
      { type: 'stream-start', warnings: [{ type: 'unsupported', feature: 'seed' }] },
      { type: 'response-metadata', id: 'r1', timestamp: new Date(0) },
      { type: 'ping' },
      { type: 'raw', rawValue: () => {} },
      { type: 'response-metadata', modelId: 'one-2026' },
    ])
    expect(reply).toEqual({
      message: { role: 'assistant', content: [] },
      calls: [],
      text: '',
      finishReason: 'stop',
      usage: { inputTokens: 10, cachedInputTokens: 6, outputTokens: 5, reasoningTokens: 2, totalTokens: 15 },
      warnings: [{ type: 'unsupported', feature: 'seed' }],
      response: { id: 'r1', modelId: 'one-2026', timestamp: '1970-01-01T00:00:00.000Z' },
    })
  })

  test('counts that the provider does not give are left out', async () => {
    const none = { total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined }
    const finish = (total: number | undefined) => ({
      ...FINISH,
      usage: { inputTokens: none, outputTokens: { total, text: undefined, reasoning: undefined } },
    })
    expect((await ask(fakeModel('v4', [finish(undefined)]))).usage).toEqual({})
    expect((await ask(fakeModel('v4', [finish(3)]))).usage).toEqual({ outputTokens: 3, totalTokens: 3 })
    const onlyInput = { ...FINISH, usage: { ...finish(undefined).usage, inputTokens: { ...none, total: 2 } } }
    expect((await ask(fakeModel('v4', [onlyInput]))).usage).toEqual({ inputTokens: 2, totalTokens: 2 })
    expect((await ask(fakeModel('v4', [{ ...FINISH, usage: undefined as never }]))).usage).toEqual({})
  })
})

describe('however a stream is cut, the reply is the same', () => {
  const block = fc.record({
    type: fc.constantFrom('text', 'reasoning', 'call'),
    content: fc.string({ unit: 'binary', minLength: 1 }),
  })
  test.each(['v4', 'v3'] as const)('%s', async (version) => {
    await fc.assert(
      fc.asyncProperty(fc.array(block), fc.infiniteStream(fc.nat({ max: 4 })), async (blocks, sizes) => {
        const chunks: ModelChunk[] = []
        const parts = blocks.flatMap(({ type, content }, index) =>
          cutBlock(type as 'text', content, String(index), sizes),
        )
        const { message } = await replyTo(parts, { onChunk: (chunk) => chunks.push(chunk) }, version)
        const said = message.content.map((part) =>
          part.type === 'tool-call' ? part.input : 'text' in part && part.text,
        )
        expect(said).toEqual(blocks.map(({ content }) => content))
        expect(chunks.map((chunk) => chunk.delta).join('')).toBe(
          blocks.map(({ type, content }) => (type === 'call' ? JSON.stringify(content) : content)).join(''),
        )
      }),
    )
  })

  function cutBlock(
    type: 'text' | 'reasoning' | 'call',
    content: string,
    id: string,
    sizes: Iterator<number>,
  ): StreamPart[] {
    const whole = type === 'call' ? JSON.stringify(content) : content
    const deltas: string[] = []
    let at = 0
    while (at < whole.length) {
      const size = sizes.next().value as number
      deltas.push(whole.slice(at, at + size))
      at += size
    }
    if (type !== 'call') {
      return [
        { type: `${type}-start`, id },
        ...deltas.map((delta) => ({ type: `${type}-delta`, id, delta }) as const),
        { type: `${type}-end`, id },
      ]
    }
    return [
      { type: 'tool-input-start', id, toolName: 'x' },
      ...deltas.map((delta) => ({ type: 'tool-input-delta', id, delta }) as const),
      { type: 'tool-input-end', id },
      { type: 'tool-call', toolCallId: id, toolName: 'x', input: whole },
    ]
  }

  test('chunks name the tool that the input is for', async () => {
    const chunks: ModelChunk[] = []
    await replyTo(
      [
        { type: 'tool-input-start', id: 'a', toolName: 'search' },
        { type: 'tool-input-delta', id: 'a', delta: '{}' },
        { type: 'tool-call', toolCallId: 'a', toolName: 'search', input: '{}' },
      ],
      { onChunk: (chunk) => chunks.push(chunk) },
    )
    expect(chunks).toEqual([{ type: 'tool-input', toolCallId: 'a', toolName: 'search', delta: '{}' }])
  })
})

describe('a stream that goes wrong', () => {
  const half: StreamPart[] = [
    { type: 'text-start', id: 't' },
    { type: 'text-delta', id: 't', delta: 'half' },
  ]

  test('without a finish is retryable', async () => {
    await expect(ask(fakeModel('v4', half))).rejects.toMatchObject({ code: 'MODEL_FAILED', kind: 'retryable' })
  })

  test.each(['error', 'interrupted'] as const)('finish reason %s is retryable, and never a reply', async (unified) => {
    const finish: StreamPart = { ...FINISH, finishReason: { unified, raw: 'MALFORMED' } }
    await expect(
      ask(fakeModel('v4', [...half, { ...finish, finishReason: { unified, raw: undefined } }])),
    ).rejects.toThrow()
    await expect(ask(fakeModel('v4', [...half, finish]))).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      kind: 'retryable',
    })
  })

  test.each([
    [{ type: 'overloaded_error', message: 'Overloaded' }, 'retryable', 'Overloaded'],
    [{ error: { type: 'rate_limit_exceeded', message: 'slow down' } }, 'retryable', 'slow down'],
    [{ code: 502, message: 'bad gateway' }, 'retryable', 'bad gateway'],
    ['it is all wrong', 'terminal', 'it is all wrong'],
    [{ type: 'invalid_request_error', message: 'no' }, 'terminal', 'no'],
    [undefined, 'terminal', 'no message'],
  ])('an error part %j is %s, and the stream is cancelled', async (error, kind, said) => {
    const cancel = vi.fn()
    const model = fakeModel('v4', [])
    model.doStream = async () => ({
      stream: new ReadableStream({
        start(controller) {
          for (const part of [...half, { type: 'error', error }]) controller.enqueue(part as never)
        },
        cancel,
      }),
    })
    await expect(ask(model)).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      kind,
      message: expect.stringContaining(said),
    })
    expect(cancel).toHaveBeenCalledOnce()
  })

  test('that breaks is the error of the break; after the finish the reply is whole', async () => {
    const breaking = (parts: readonly StreamPart[]) => {
      const model = fakeModel('v4', [])
      const left = [...parts]
      model.doStream = async () => ({
        stream: new ReadableStream({
          pull(controller) {
            const part = left.shift()
            if (part) controller.enqueue(part as never)
            else controller.error(new TypeError('terminated'))
          },
        }),
      })
      return ask(model)
    }
    await expect(breaking(half)).rejects.toMatchObject({ code: 'MODEL_FAILED', kind: 'retryable' })
    await expect(breaking([...half, FINISH])).resolves.toMatchObject({ text: 'half' })
  })

  test('a listener that throws ends the call', async () => {
    const onChunk = (): void => {
      throw new Error('listener')
    }
    await expect(replyTo(half, { onChunk })).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      message: expect.stringContaining('listener'),
    })
  })
})

describe('an abort', () => {
  test('mid-stream rejects at once and cancels, even if the model does not listen', async () => {
    const controller = new AbortController()
    const cancel = vi.fn()
    const chunks: ModelChunk[] = []
    const model = fakeModel('v4', [])
    let source: ReadableStreamDefaultController | undefined
    model.doStream = async () => ({
      stream: new ReadableStream({
        start(given) {
          source = given
          given.enqueue({ type: 'text-start', id: 't' } as never)
          given.enqueue({ type: 'text-delta', id: 't', delta: 'on' } as never)
        },
        cancel,
      }),
    })
    const reply = ask(model, {
      signal: controller.signal,
      onChunk: (chunk) => {
        chunks.push(chunk)
        source?.enqueue({ type: 'text-delta', id: 't', delta: ' and on' })
        controller.abort()
      },
    })
    await expect(reply).rejects.toMatchObject({ code: 'CANCELLED', kind: 'terminal' })
    expect(cancel).toHaveBeenCalledOnce()
    expect(chunks).toHaveLength(1)
  })

  test('before the stream is there: rejects at once, and cancels it when it comes', async () => {
    const controller = new AbortController()
    const cancel = vi.fn()
    const model = fakeModel('v4', [])
    let arrive: ((stream: ReadableStream) => void) | undefined
    model.doStream = () => new Promise((resolve) => (arrive = (stream) => resolve({ stream })))
    const reply = ask(model, { signal: controller.signal })
    await vi.waitFor(() => expect(arrive).toBeDefined())
    controller.abort()
    await expect(reply).rejects.toMatchObject({ code: 'CANCELLED' })
    arrive?.(new ReadableStream({ cancel }))
    await vi.waitFor(() => expect(cancel).toHaveBeenCalledOnce())
  })

  test('that came before: the model is not asked', async () => {
    const model = fakeModel('v4', [FINISH])
    await expect(ask(model, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(model.asked).toEqual([])
  })

  test('while a stored file is loaded: rejects at once, and the model is not asked', async () => {
    const controller = new AbortController()
    let arrive: ((bytes: Uint8Array) => void) | undefined
    const payloads = { put: async () => '', get: () => new Promise<Uint8Array>((resolve) => (arrive = resolve)) }
    const data = { type: 'stored', ref: 'r', size: 1 } as const
    const model = fakeModel('v4', [FINISH])
    const messages = [{ role: 'user', content: [{ type: 'file', mediaType: 'a/b', data }] }] as const
    const reply = ask(model, { signal: controller.signal, payloads, messages })
    await vi.waitFor(() => expect(arrive).toBeDefined())
    controller.abort()
    await expect(reply).rejects.toMatchObject({ code: 'CANCELLED' })
    arrive?.(new Uint8Array())
    await new Promise((resolve) => setTimeout(resolve))
    expect(model.asked).toEqual([])
    // With the signal aborted before, not even the store is asked.
    arrive = undefined
    await expect(ask(model, { signal: controller.signal, payloads, messages })).rejects.toMatchObject({
      code: 'CANCELLED',
    })
    expect(arrive).toBeUndefined()
  })

  test('is not followed by chunks, of a stream that can not be cancelled nor of a whole reply', async () => {
    const parts: StreamPart[] = [
      { type: 'text-start', id: 't' },
      ...Array(9).fill({ type: 'text-delta', id: 't', delta: 'x' }),
      FINISH,
    ]
    const deaf = (left: StreamPart[]) => ({
      getReader: () => ({
        read: async () => ({ done: left.length === 0, value: left.shift() }),
        cancel: async () => {},
      }),
    })
    for (const stream of [true, false]) {
      const controller = new AbortController()
      const chunks: ModelChunk[] = []
      const model = fakeModel('v4', [])
      model.doStream = async () => ({ stream: deaf([...parts]) as never })
      if (!stream) {
        Object.assign(model, { doStream: undefined })
        model.doGenerate = async () => {
          controller.abort()
          return { ...FINISH, content: [{ type: 'text', text: 'x' }], warnings: [] }
        }
      }
      const onChunk = (chunk: ModelChunk): void => {
        chunks.push(chunk)
        controller.abort()
      }
      await expect(ask(model, { signal: controller.signal, onChunk })).rejects.toMatchObject({ code: 'CANCELLED' })
      await new Promise((resolve) => setTimeout(resolve))
      expect(chunks).toHaveLength(stream ? 1 : 0)
    }
  })

  test('leaves no listener on the signal', async () => {
    const { signal } = new AbortController()
    const added = vi.spyOn(signal, 'addEventListener')
    const removed = vi.spyOn(signal, 'removeEventListener')
    const model = fakeModel('v4', [])
    model.doStream = async () => ({ stream: streamOf([FINISH]) })
    await callModel(model, { messages: [], tools: [], signal })
    await expect(callModel(fakeModel('v4', []), { messages: [], tools: [], signal })).rejects.toThrow()
    expect(added).toHaveBeenCalled()
    expect(removed.mock.calls.length).toBe(added.mock.calls.length)
  })
})
