import type { LanguageModelV4 } from '@ai-sdk/provider'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { JsonObject } from '../src/json.ts'
import type { AssistantMessage, AssistantPart, FileData, Message } from '../src/message.ts'
import type { StreamPart } from '../src/model/parts.ts'
import type { ToolDeclaration } from '../src/model.ts'
import type { ToolSpec } from '../src/spec.ts'
import type { PayloadStore } from '../src/stream.ts'
import { ask, FINISH, fakeModel, replyTo, USAGE } from './support/fake-model.ts'

const BYTES = new Uint8Array([0, 1, 254, 255])
const BASE64 = 'AAH+/w=='

/** What the model is shown when a reply comes back to it, as JSON: what an engine kept of it in between. */
async function shownAgain(parts: readonly StreamPart[], version: 'v3' | 'v4' = 'v4', payloads?: PayloadStore) {
  const { message } = await replyTo(parts, { ...(payloads && { payloads }) }, version)
  return promptOf([JSON.parse(JSON.stringify(message)) as Message], version, payloads)
}

async function promptOf(messages: readonly Message[], version: 'v3' | 'v4' = 'v4', payloads?: PayloadStore) {
  const model = fakeModel(version, [FINISH])
  await ask(model, { messages, ...(payloads && { payloads }) })
  return model.asked[0]?.prompt ?? []
}

function memoryStore(): PayloadStore & { readonly kept: Map<string, Uint8Array> } {
  const kept = new Map<string, Uint8Array>()
  return {
    kept,
    async put(bytes) {
      kept.set(`ref${kept.size}`, bytes)
      return `ref${kept.size - 1}`
    },
    async get(ref) {
      return kept.get(ref) as Uint8Array
    },
  }
}

describe('what a provider says of its parts comes back to it byte for byte', () => {
  const metadata = fc.dictionary(fc.string(), fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<never>))
  const named: [string, (providerMetadata: never) => StreamPart[]][] = [
    [
      'text',
      (providerMetadata) => [
        { type: 'text-start', id: 't' },
        { type: 'text-delta', id: 't', delta: 'x' },
        { type: 'text-end', id: 't', providerMetadata },
      ],
    ],
    [
      'reasoning',
      (providerMetadata) => [
        { type: 'reasoning-start', id: 'r' },
        { type: 'reasoning-end', id: 'r', providerMetadata },
      ],
    ],
    [
      'file',
      (providerMetadata) => [
        { type: 'file', mediaType: 'image/png', data: { type: 'data', data: BYTES }, providerMetadata },
      ],
    ],
    [
      'reasoning-file',
      (providerMetadata) => [
        { type: 'reasoning-file', mediaType: 'image/png', data: { type: 'data', data: BASE64 }, providerMetadata },
      ],
    ],
    ['custom', (providerMetadata) => [{ type: 'custom', kind: 'fake.thing', providerMetadata }]],
    [
      'tool-call',
      (providerMetadata) => [{ type: 'tool-call', toolCallId: 'a', toolName: 'x', input: '{}', providerMetadata }],
    ],
    [
      'tool-result',
      (providerMetadata) => [{ type: 'tool-result', toolCallId: 'a', toolName: 'x', result: [1], providerMetadata }],
    ],
  ]
  test.each(named)('%s', async (type, parts) => {
    await fc.assert(
      fc.asyncProperty(metadata, async (given) => {
        const [shown] = await shownAgain(parts(given as never))
        const [part] = (shown?.content ?? []) as { type: string; providerOptions?: JsonObject }[]
        expect(part?.type).toBe(type)
        expect(JSON.stringify(part?.providerOptions)).toBe(JSON.stringify(given))
      }),
      { numRuns: 40 },
    )
  })

  test('what is no JSON is refused, and it is said where', async () => {
    const parts = named[4]?.[1]({ fake: { f: () => {} } } as never) ?? []
    await expect(replyTo(parts)).rejects.toMatchObject({
      code: 'NOT_JSON',
      message: expect.stringMatching(/^model 'fake\/one': provider metadata of custom part: \$\.fake\.f is a function/),
    })
  })

  test('an own value of a part stays: bytes and dates that a provider should not have put there, too', async () => {
    const given = { fake: { at: new Date(0), raw: BYTES } }
    const [shown] = await shownAgain(named[4]?.[1](given as never) ?? [])
    expect(((shown?.content ?? []) as { providerOptions: unknown }[])[0]?.providerOptions).toEqual(given)
  })
})

describe('content of a model, shown to it again', () => {
  test('calls, results and errors of the provider stay in the assistant message', async () => {
    const shown = await shownAgain([
      { type: 'tool-call', toolCallId: 'a', toolName: 'search', input: '{"q":1}', providerExecuted: true },
      { type: 'tool-result', toolCallId: 'a', toolName: 'search', result: { hits: [{ $date: 'of its own' }] } },
      { type: 'tool-call', toolCallId: 'b', toolName: 'fetch', input: '{}', providerExecuted: true },
      { type: 'tool-result', toolCallId: 'b', toolName: 'fetch', result: 'gone', isError: true },
      { type: 'source', sourceType: 'url', id: 's', url: 'https://a.example/' },
      { type: 'tool-call', toolCallId: 'c', toolName: 'mcp', input: '{}', providerExecuted: true },
      { type: 'tool-approval-request', approvalId: 'p', toolCallId: 'c' },
    ])
    expect(shown).toEqual([
      {
        role: 'assistant',
        content: [
          { type: 'tool-call', toolCallId: 'a', toolName: 'search', input: { q: 1 }, providerExecuted: true },
          {
            type: 'tool-result',
            toolCallId: 'a',
            toolName: 'search',
            output: { type: 'json', value: { hits: [{ $date: 'of its own' }] } },
          },
          { type: 'tool-call', toolCallId: 'b', toolName: 'fetch', input: {}, providerExecuted: true },
          { type: 'tool-result', toolCallId: 'b', toolName: 'fetch', output: { type: 'error-json', value: 'gone' } },
          { type: 'tool-call', toolCallId: 'c', toolName: 'mcp', input: {}, providerExecuted: true },
        ],
      },
    ])
  })

  test('sources, citations and approval requests are kept for the app', async () => {
    const source = { type: 'source', sourceType: 'document', id: 's', mediaType: 'text/plain', title: 'T' } as const
    const { message } = await replyTo([
      { ...source, providerMetadata: { fake: { n: 1 } } },
      { type: 'text-start', id: 't' },
      { type: 'text-delta', id: 't', delta: 'as T says' },
      { type: 'text-end', id: 't', citations: [{ source, startIndex: 3 }] },
      { type: 'tool-approval-request', approvalId: 'p', toolCallId: 'c' },
    ])
    const { type, ...named } = source
    expect(message.content).toEqual([
      { type, source: named, providerOptions: { fake: { n: 1 } } },
      { type: 'text', text: 'as T says', citations: [{ source, startIndex: 3 }] },
      { type: 'approval-request', approvalId: 'p', toolCallId: 'c' },
    ])
  })

  test('an assistant message of nothing that a model can be shown is left out', async () => {
    expect(await shownAgain([{ type: 'source', sourceType: 'url', id: 's', url: 'https://a.example/' }])).toEqual([])
  })
})

describe('files', () => {
  test.each([
    ['v4', { type: 'data', data: BYTES }, { type: 'data', data: BASE64 }],
    ['v4', { type: 'data', data: BASE64 }, { type: 'data', data: BASE64 }],
    [
      'v4',
      { type: 'url', url: new URL('https://a.example/f?x=1') },
      { type: 'url', url: new URL('https://a.example/f?x=1') },
    ],
    ['v3', BYTES, BASE64],
    ['v3', BASE64, BASE64],
  ] as const)('of %s: %j comes back as %j', async (version, data, expected) => {
    const [shown] = await shownAgain([{ type: 'file', mediaType: 'image/png', data } as StreamPart], version)
    expect(shown?.content).toEqual([{ type: 'file', mediaType: 'image/png', data: expected }])
  })

  test.each([
    ['v4', new Uint8Array(65_537).fill(7)],
    ['v4', Buffer.alloc(65_537, 7).toString('base64')],
    ['v3', new Uint8Array(65_537).fill(7)],
  ] as const)('of %s: more than 64 KB go to the store and come back from it', async (version, data) => {
    const store = memoryStore()
    const part = {
      type: 'file',
      mediaType: 'image/png',
      data: version === 'v4' ? { type: 'data', data } : data,
    } as StreamPart
    const { message } = await replyTo([part], { payloads: store }, version)
    expect(message.content).toEqual([
      { type: 'file', mediaType: 'image/png', data: { type: 'stored', ref: 'ref0', size: 65_537 } },
    ])
    const [shown] = await promptOf([message], version, store)
    const [file] = (shown?.content ?? []) as { data: Uint8Array | { data: Uint8Array } }[]
    const bytes = file?.data instanceof Uint8Array ? file.data : file?.data.data
    expect(bytes).toEqual(new Uint8Array(65_537).fill(7))
  })

  test('64 KB stay, and all stay without a store', async () => {
    const file = (size: number): StreamPart => ({
      type: 'file',
      mediaType: 'a/b',
      data: { type: 'data', data: new Uint8Array(size) },
    })
    const small = await replyTo([file(65_536)], { payloads: memoryStore() })
    const large = await replyTo([file(65_537)])
    for (const { message } of [small, large]) expect(message.content[0]).toMatchObject({ data: { type: 'data' } })
  })

  test('a stored file without a store says so', async () => {
    const message: Message = {
      role: 'user',
      content: [{ type: 'file', mediaType: 'a/b', data: { type: 'stored', ref: 'r', size: 1 } }],
    }
    await expect(promptOf([message])).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining('PayloadStore'),
    })
  })

  const shownFile = async (data: FileData, version: 'v3' | 'v4', type: 'file' | 'reasoning-file' = 'file') => {
    const message: AssistantMessage = {
      role: 'assistant',
      content: [{ type, mediaType: 'text/plain', data, ...(type === 'file' && { filename: 'f' }) }],
    }
    return (await promptOf([message], version))[0]?.content[0]
  }
  test.each([
    [{ type: 'text', text: 'hé' }, { type: 'text', text: 'hé' }, 'aMOp'],
    [{ type: 'url', url: 'data:text/plain;base64,aMOp' }, { type: 'data', data: 'aMOp' }, 'aMOp'],
    [{ type: 'url', url: 'data:,h%C3%A9' }, { type: 'data', data: 'aMOp' }, 'aMOp'],
    [
      { type: 'url', url: 'https://a.example/' },
      { type: 'url', url: new URL('https://a.example/') },
      new URL('https://a.example/'),
    ],
  ] as const)('%j', async (data, v4, v3) => {
    expect(await shownFile(data, 'v4')).toEqual({ type: 'file', mediaType: 'text/plain', filename: 'f', data: v4 })
    expect(await shownFile(data, 'v3')).toEqual({ type: 'file', mediaType: 'text/plain', filename: 'f', data: v3 })
  })

  test('a reasoning file holds bytes or a URL; for v3 it is a file', async () => {
    const data = { type: 'text', text: 'hé' } as const
    expect(await shownFile(data, 'v4', 'reasoning-file')).toMatchObject({
      type: 'reasoning-file',
      data: { type: 'data', data: 'aMOp' },
    })
    expect(await shownFile(data, 'v3', 'reasoning-file')).toMatchObject({ type: 'file', data: 'aMOp' })
  })

  test('a reference goes to v4 alone', async () => {
    const data = { type: 'reference', reference: { fake: 'id1' } } as const
    expect(await shownFile(data, 'v4')).toMatchObject({ data })
    await expect(shownFile(data, 'v3')).rejects.toMatchObject({ code: 'UNSUPPORTED' })
    await expect(shownFile(data, 'v4', 'reasoning-file')).rejects.toMatchObject({ code: 'UNSUPPORTED' })
  })

  test('what is no URL says so', async () => {
    await expect(shownFile({ type: 'url', url: '/f.png' }, 'v4')).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
  })
})

describe('the conversation as a prompt', () => {
  test.each(['v4', 'v3'] as const)(
    '%s: all roles, instructions first, options on messages and parts',
    async (version) => {
      const providerOptions = { fake: { cache: true } }
      const model = fakeModel(version, [FINISH])
      await ask(model, {
        instructions: 'Be brief.',
        messages: [
          { role: 'system', content: 'And kind.', providerOptions },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'hi', providerOptions },
              { type: 'text', text: '' },
            ],
            providerOptions,
          },
          {
            role: 'assistant',
            content: [
              { type: 'reasoning', text: 'hm', providerOptions },
              { type: 'tool-call', toolCallId: 'a', toolName: 'x', input: { n: 1 } },
            ],
          },
          {
            role: 'tool',
            content: [
              {
                type: 'tool-result',
                toolCallId: 'a',
                toolName: 'x',
                output: { type: 'denied', reason: 'no' },
                providerOptions,
              },
              { type: 'approval-response', approvalId: 'p', approved: false, reason: 'no' },
            ],
          },
          { role: 'tool', content: [{ type: 'approval-response', approvalId: 'q', approved: true }] },
        ],
      })
      expect(model.asked[0]?.prompt).toEqual([
        { role: 'system', content: 'Be brief.' },
        { role: 'system', content: 'And kind.', providerOptions },
        { role: 'user', content: [{ type: 'text', text: 'hi', providerOptions }], providerOptions },
        {
          role: 'assistant',
          content: [
            { type: 'reasoning', text: 'hm', providerOptions },
            { type: 'tool-call', toolCallId: 'a', toolName: 'x', input: { n: 1 } },
          ],
        },
        {
          role: 'tool',
          content: [
            {
              type: 'tool-result',
              toolCallId: 'a',
              toolName: 'x',
              output: { type: 'execution-denied', reason: 'The call was refused and not made: no' },
              providerOptions,
            },
            { type: 'tool-approval-response', approvalId: 'p', approved: false, reason: 'no' },
          ],
        },
        { role: 'tool', content: [{ type: 'tool-approval-response', approvalId: 'q', approved: true }] },
      ])
    },
  )

  const shownOutput = async (output: unknown, version: 'v3' | 'v4' = 'v4', payloads?: PayloadStore) => {
    const message = {
      role: 'tool',
      content: [{ type: 'tool-result', toolCallId: 'a', toolName: 'x', output }],
    } as Message
    const [shown] = await promptOf([message], version, payloads)
    return ((shown?.content ?? []) as unknown as { output: unknown }[])[0]?.output
  }

  test.each(['text', 'error-text', 'json', 'error-json'])('output %s', async (type) => {
    const output = { type, value: 'x', providerOptions: { fake: { n: 1 } } }
    expect(await shownOutput(output)).toEqual(output)
  })

  test('dates, URLs and bytes of a tool are shown as JSON usually has them', async () => {
    const value = {
      at: { $date: '1970-01-01T00:00:00.000Z' },
      raw: [{ $bytes: BASE64 }],
      to: { $url: 'https://a.example/' },
      own: { $escaped: { $date: 1 } },
    }
    expect(await shownOutput({ type: 'json', value })).toEqual({
      type: 'json',
      value: { at: '1970-01-01T00:00:00.000Z', raw: [BASE64], to: 'https://a.example/', own: { $date: 1 } },
    })
  })

  test('output content, which v3 has in shapes of its own', async () => {
    const providerOptions = { fake: { n: 1 } }
    const store = memoryStore()
    const ref = await store.put(BYTES)
    const files: [string, FileData][] = [
      ['image/png', { type: 'data', base64: BASE64 }],
      ['application/pdf', { type: 'stored', ref, size: 4 }],
      ['text/plain', { type: 'text', text: 'hé' }],
      ['image/png', { type: 'url', url: 'https://a.example/' }],
      ['application/pdf', { type: 'url', url: 'https://a.example/' }],
      ['image/png', { type: 'reference', reference: { fake: 'id' } }],
      ['application/pdf', { type: 'reference', reference: { fake: 'id' } }],
    ]
    const value = [
      { type: 'text', text: 'see', providerOptions },
      { type: 'custom', kind: 'fake.x', providerOptions },
      ...files.map(([mediaType, data]) => ({ type: 'file', mediaType, filename: 'f', data })),
    ]
    const url = new URL('https://a.example/')
    const said = [
      { type: 'text', text: 'see', providerOptions },
      { type: 'custom', providerOptions },
    ]
    const v4 = [
      { type: 'data', data: BASE64 },
      { type: 'data', data: BYTES },
      { type: 'text', text: 'hé' },
      { type: 'url', url },
      { type: 'url', url },
      { type: 'reference', reference: { fake: 'id' } },
      { type: 'reference', reference: { fake: 'id' } },
    ]
    expect(await shownOutput({ type: 'content', value }, 'v4', store)).toEqual({
      type: 'content',
      value: [
        ...said,
        ...v4.map((data, index) => ({ type: 'file', mediaType: files[index]?.[0], filename: 'f', data })),
      ],
    })
    expect(await shownOutput({ type: 'content', value }, 'v3', store)).toEqual({
      type: 'content',
      value: [
        ...said,
        { type: 'image-data', mediaType: 'image/png', data: BASE64 },
        { type: 'file-data', mediaType: 'application/pdf', data: BASE64, filename: 'f' },
        { type: 'file-data', mediaType: 'text/plain', data: 'aMOp', filename: 'f' },
        { type: 'image-url', url: url.href },
        { type: 'file-url', url: url.href },
        { type: 'image-file-id', fileId: { fake: 'id' } },
        { type: 'file-id', fileId: { fake: 'id' } },
      ],
    })
  })

  test('one that fails at once beside a file that fails later is one failure', async () => {
    const stored = { type: 'stored', ref: 'r', size: 1 } as const
    const content = [
      { type: 'file', mediaType: 'a/b', data: stored },
      { type: 'custom', kind: 'fake.thing' },
    ] as const
    const payloads = { put: async () => '', get: () => Promise.reject(new Error('gone')) }
    const asked = ask(fakeModel('v3', [FINISH]), { messages: [{ role: 'assistant', content }], payloads })
    // Without a handler for each of them the process would end.
    await expect(asked).rejects.toMatchObject({ message: expect.stringMatching(/gone|custom part/) })
  })

  test('a custom part can not be shown to v3, which is said', async () => {
    const part: AssistantPart = { type: 'custom', kind: 'fake.thing' }
    const prompt = promptOf([{ role: 'assistant', content: [part] }], 'v3')
    await expect(prompt).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringContaining("custom part 'fake.thing'"),
    })
  })
})

describe('the call', () => {
  const tools: ToolDeclaration[] = [
    { name: 'plain', inputSchema: {} },
    {
      name: 'full',
      description: 'D',
      inputSchema: { type: 'object' },
      strict: true,
      providerOptions: { fake: { n: 1 } },
    },
    {
      name: 'web',
      inputSchema: {},
      provider: { id: 'fake.web', args: { max: 3, since: { $date: '1970-01-01T00:00:00.000Z' } } },
    },
  ]

  test('has settings, tools, the choice and the form of the output', async () => {
    const model = fakeModel('v4', [FINISH])
    const settings = {
      temperature: 0,
      stopSequences: ['.'],
      seed: 1,
      headers: { 'x-a': 'b' },
      reasoning: 'high',
      providerOptions: { fake: { o: 1 } },
    } as const
    await ask(model, { settings, tools, toolChoice: { tool: 'full' }, output: { type: 'object' } })
    expect(model.asked).toEqual([
      {
        ...settings,
        prompt: [],
        abortSignal: expect.any(AbortSignal),
        tools: [
          { type: 'function', name: 'plain', inputSchema: {} },
          {
            type: 'function',
            name: 'full',
            description: 'D',
            inputSchema: { type: 'object' },
            strict: true,
            providerOptions: { fake: { n: 1 } },
          },
          { type: 'provider', name: 'web', id: 'fake.web', args: { max: 3, since: new Date(0) } },
        ],
        toolChoice: { type: 'tool', toolName: 'full' },
        responseFormat: { type: 'json', schema: { type: 'object' } },
      },
    ])
  })

  test('takes the tools of a spec as they are', async () => {
    const spec: ToolSpec = {
      type: 'tool',
      name: 'plain',
      inputSchema: {},
      approval: 'never',
      policy: { effect: 'once' },
      reconcile: false,
      onUnknown: 'wait',
    }
    const model = fakeModel('v4', [FINISH])
    await ask(model, { tools: [spec], toolChoice: 'required' })
    expect(model.asked[0]?.tools).toEqual([{ type: 'function', name: 'plain', inputSchema: {} }])
    expect(model.asked[0]?.toolChoice).toEqual({ type: 'required' })
  })

  test('has no tools and no choice where there are no tools', async () => {
    const model = fakeModel('v4', [FINISH])
    await ask(model, { toolChoice: 'auto' })
    expect(model.asked[0]).not.toHaveProperty('tools')
    expect(model.asked[0]).not.toHaveProperty('toolChoice')
  })

  test('v3 has no setting for reasoning: the reply says so', async () => {
    const model = fakeModel('v3', [FINISH])
    const { warnings } = await ask(model, { settings: { reasoning: 'high' } })
    expect(model.asked[0]).not.toHaveProperty('reasoning')
    expect(warnings).toEqual([expect.objectContaining({ type: 'unsupported', feature: 'reasoning' })])
    expect(await ask(model, { settings: { reasoning: 'provider-default' } })).not.toHaveProperty('warnings')
  })

  test('falls back to doGenerate where a model does not stream', async () => {
    const doGenerate = vi.fn(async () => ({
      content: [
        { type: 'reasoning', text: 'hm', providerMetadata: { fake: { s: 1 } } },
        { type: 'text', text: 'done', citations: [] },
        { type: 'tool-call', toolCallId: 'a', toolName: 'x', input: '{}' },
      ],
      finishReason: { unified: 'tool-calls', raw: undefined },
      usage: USAGE,
      providerMetadata: { fake: { m: 1 } },
      warnings: [],
      response: { id: 'r', timestamp: new Date(0), headers: { 'set-cookie': 'secret' }, body: {} },
    }))
    const model = { ...fakeModel('v4', []), doStream: undefined, doGenerate } as unknown as LanguageModelV4
    const chunks: unknown[] = []
    const reply = await ask(model, { onChunk: (chunk) => chunks.push(chunk) })
    expect(reply).toEqual({
      message: {
        role: 'assistant',
        content: [
          { type: 'reasoning', text: 'hm', providerOptions: { fake: { s: 1 } } },
          { type: 'text', text: 'done', citations: [] },
          { type: 'tool-call', toolCallId: 'a', toolName: 'x', input: {} },
        ],
      },
      calls: [{ toolCallId: 'a', toolName: 'x', input: {} }],
      text: 'done',
      finishReason: 'tool-calls',
      usage: { inputTokens: 10, cachedInputTokens: 6, outputTokens: 5, reasoningTokens: 2, totalTokens: 15 },
      providerMetadata: { fake: { m: 1 } },
      response: { id: 'r', timestamp: '1970-01-01T00:00:00.000Z' },
    })
    expect(chunks).toEqual([
      { type: 'reasoning', delta: 'hm' },
      { type: 'text', delta: 'done' },
    ])
  })

  test('a model of an older specification is refused', async () => {
    const model = { ...fakeModel('v4', []), specificationVersion: 'v2' } as unknown as LanguageModelV4
    await expect(ask(model)).rejects.toMatchObject({ code: 'UNSUPPORTED', message: expect.stringContaining("'v2'") })
  })
})
