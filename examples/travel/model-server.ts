/**
 * Serves the example's model on loopback, as an OpenAI-compatible endpoint: what a client of the AI SDK does with a real
 * provider, it does with this one. It stands for a provider: it lives on when the agent's process dies, and counts.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ChatRequest, Reply } from './model/chat.ts'
import { toolCallsOf } from './model/chat.ts'
import { decide } from './model/decide.ts'

export const MODEL_NAME = 'travel-by-rules'

export interface ModelServer {
  /** What an OpenAI-compatible client takes as its base URL. */
  readonly url: string
  /** How often it was asked. */
  readonly requests: number
  close(): Promise<void>
}

export async function startModelServer(): Promise<ModelServer> {
  let requests = 0
  const server = createServer((request, response) => {
    requests += 1
    answer(request, response).catch((error: Error) => fail(response, 400, error.message))
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    get requests() {
      return requests
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST' || request.url !== '/v1/chat/completions') {
    return fail(response, 404, `There is nothing at ${request.method} ${request.url}.`)
  }
  const chat = await readChat(request)
  const reply = decide(chat.messages)
  if (chat.stream) stream(response, chat, reply)
  else sendWhole(response, chat, reply)
}

async function readChat(request: IncomingMessage): Promise<ChatRequest> {
  let body = ''
  for await (const chunk of request.setEncoding('utf8')) body += chunk
  const chat = JSON.parse(body) as ChatRequest
  if (!Array.isArray(chat?.messages)) throw new Error('messages is missing')
  return chat
}

function stream(response: ServerResponse, chat: ChatRequest, reply: Reply): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  for (const delta of deltasOf(chat, reply)) send(response, chunkOf(chat, [{ index: 0, delta, finish_reason: null }]))
  send(response, chunkOf(chat, [{ index: 0, delta: {}, finish_reason: finishOf(reply) }]))
  if (chat.stream_options?.include_usage) send(response, { ...chunkOf(chat, []), usage: usageOf(chat, reply) })
  response.end('data: [DONE]\n\n')
}

/** Word by word, then each call: its name first, its arguments in pieces. */
function* deltasOf(chat: ChatRequest, reply: Reply): Generator<object> {
  yield { role: 'assistant', content: '' }
  for (const word of reply.text.match(/\s*\S+/g) ?? []) yield { content: word }
  for (const [index, { id, type, function: called }] of toolCallsOf(reply, chat.messages.length).entries()) {
    yield { tool_calls: [{ index, id, type, function: { name: called.name, arguments: '' } }] }
    for (const piece of called.arguments.match(/.{1,16}/gs) ?? [])
      yield { tool_calls: [{ index, function: { arguments: piece } }] }
  }
}

function sendWhole(response: ServerResponse, chat: ChatRequest, reply: Reply): void {
  const calls = toolCallsOf(reply, chat.messages.length)
  const message = { role: 'assistant', content: reply.text, ...(calls.length > 0 && { tool_calls: calls }) }
  const choices = [{ index: 0, message, finish_reason: finishOf(reply) }]
  sendJson(response, 200, { ...chunkOf(chat, choices), object: 'chat.completion', usage: usageOf(chat, reply) })
}

function chunkOf({ messages }: ChatRequest, choices: readonly object[]): object {
  return { id: `chat-${messages.length}`, object: 'chat.completion.chunk', created: 0, model: MODEL_NAME, choices }
}

function finishOf({ calls }: Reply): string {
  return calls.length > 0 ? 'tool_calls' : 'stop'
}

/** Four characters to a token, as a rule of thumb. */
function usageOf({ messages }: ChatRequest, reply: Reply): object {
  const prompt = Math.ceil(JSON.stringify(messages).length / 4)
  const completion = Math.ceil(JSON.stringify(reply).length / 4)
  return { prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion }
}

function send(response: ServerResponse, data: object): void {
  response.write(`data: ${JSON.stringify(data)}\n\n`)
}

function sendJson(response: ServerResponse, status: number, data: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(data))
}

function fail(response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) response.destroy()
  else sendJson(response, status, { error: { message, type: 'invalid_request_error' } })
}
