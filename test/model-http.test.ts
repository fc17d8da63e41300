/** A real provider package against a real server: what its streams and errors look like is not ours to say. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { AnyLanguageModel, ModelChunk } from '../src/model.ts'
import { ask } from './support/fake-model.ts'

type Answer =
  | { status: number; headers?: Record<string, string>; body?: unknown }
  | { events: unknown[]; open?: boolean }

let answer: Answer
let asked: { messages?: unknown; tools?: unknown; stream?: unknown }[] = []
let closed = 0
let model: AnyLanguageModel

const server = createServer((request, response) => void reply(request, response))

async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ''
  for await (const piece of request) body += piece
  asked.push(JSON.parse(body) as object)
  if ('status' in answer) {
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers })
    response.end(JSON.stringify(answer.body ?? { error: { message: 'slow down', type: 'rate_limit', code: null } }))
    return
  }
  response.on('close', () => closed++)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of answer.events)
    response.write(`data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`)
  if (!answer.open) response.end()
}

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  model = createOpenAICompatible({
    name: 'local',
    baseURL: `http://127.0.0.1:${port}/v1`,
    apiKey: 'SECRET',
    includeUsage: true,
  })('small')
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
})
beforeEach(() => {
  asked = []
  closed = 0
})

const chunk = (delta: object, finish_reason: string | null = null) => ({
  id: 'c1',
  created: 0,
  model: 'small-1',
  choices: [{ index: 0, delta, finish_reason }],
})
const usage = { id: 'c1', choices: [], usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 } }
const USER = { role: 'user', content: [{ type: 'text', text: 'hi' }] } as const

describe('a client of a provider', () => {
  test('text and parallel tool calls, and the results back', async () => {
    const part = (index: number, more: object, id?: string) => ({
      tool_calls: [{ index, ...(id && { id, type: 'function' }), function: more }],
    })
    answer = {
      events: [
        chunk({ role: 'assistant', content: 'Let me ' }),
        chunk({ content: 'look.' }),
        chunk(part(0, { name: 'search', arguments: '' }, 'call_a')),
        chunk(part(0, { arguments: '{"q":' })),
        chunk(part(1, { name: 'search', arguments: '{"q":"b"}' }, 'call_b')),
        chunk(part(0, { arguments: '"a"}' })),
        chunk({}, 'tool_calls'),
        usage,
        '[DONE]',
      ],
    }
    const chunks: ModelChunk[] = []
    const tools = [{ name: 'search', inputSchema: { type: 'object', properties: { q: { type: 'string' } } } }]
    const reply = await ask(model, { messages: [USER], tools, onChunk: (piece) => chunks.push(piece) })
    expect(reply).toMatchObject({
      text: 'Let me look.',
      calls: [
        { toolCallId: 'call_a', toolName: 'search', input: { q: 'a' } },
        { toolCallId: 'call_b', toolName: 'search', input: { q: 'b' } },
      ],
      finishReason: 'tool-calls',
      usage: { inputTokens: 7, outputTokens: 3, totalTokens: 10 },
      response: { id: 'c1', modelId: 'small-1' },
    })
    expect(chunks.filter(({ type }) => type === 'text').map(({ delta }) => delta)).toEqual(['Let me ', 'look.'])

    answer = { events: [chunk({ content: 'done' }), chunk({}, 'stop'), '[DONE]'] }
    const result = (toolCallId: string) =>
      ({ type: 'tool-result', toolCallId, toolName: 'search', output: { type: 'json', value: [1] } }) as const
    const second = await ask(model, {
      messages: [USER, reply.message, { role: 'tool', content: [result('call_a'), result('call_b')] }],
      tools,
    })
    expect(second.text).toBe('done')
    expect(asked[1]?.messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: 'Let me look.', tool_calls: [{ id: 'call_a' }, { id: 'call_b' }] },
      { role: 'tool', tool_call_id: 'call_a', content: '[1]' },
      { role: 'tool', tool_call_id: 'call_b', content: '[1]' },
    ])
  })

  test('429 with Retry-After: asked once, and it is said when to ask again', async () => {
    answer = { status: 429, headers: { 'retry-after': '3' } }
    await expect(ask(model, { messages: [USER] })).rejects.toMatchObject({
      code: 'MODEL_FAILED',
      kind: 'retryable',
      retryAfter: 3000,
      message: expect.stringContaining('slow down'),
      details: { statusCode: 429, model: 'local.chat/small' },
    })
    expect(asked).toHaveLength(1)
  })

  test('401 is terminal', async () => {
    answer = { status: 401 }
    await expect(ask(model, { messages: [USER] })).rejects.toMatchObject({
      kind: 'terminal',
      details: { statusCode: 401 },
    })
  })

  test('a server that is not there is retryable', async () => {
    const nobody = createOpenAICompatible({ name: 'local', baseURL: 'http://127.0.0.1:1/v1' })('small')
    await expect(ask(nobody, { messages: [USER] })).rejects.toMatchObject({ code: 'MODEL_FAILED', kind: 'retryable' })
  })

  test('a stream that ends too early is retryable', async () => {
    answer = { events: [chunk({ content: 'half' })] }
    await expect(ask(model, { messages: [USER] })).rejects.toMatchObject({ code: 'MODEL_FAILED', kind: 'retryable' })
  })

  test('an abort mid-stream closes the connection', async () => {
    answer = { events: [chunk({ content: 'half' })], open: true }
    const controller = new AbortController()
    const reply = ask(model, { messages: [USER], signal: controller.signal, onChunk: () => controller.abort() })
    await expect(reply).rejects.toMatchObject({ code: 'CANCELLED' })
    await expect.poll(() => closed).toBe(1)
  })
})
