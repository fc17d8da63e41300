/** What the model sees of the conversation: the tool calls so far, each with its result. */
import type { ChatMessage } from './chat.ts'

export interface PastCall {
  readonly name: string
  readonly input: { readonly [key: string]: unknown }
  /** Parsed, if it is JSON: a tool that failed or was refused answers in plain words. */
  readonly result: { readonly json?: Readonly<Record<string, unknown>>; readonly text: string }
  /** Since the user last said something. */
  readonly isRecent: boolean
}

export function pastCalls(messages: readonly ChatMessage[]): PastCall[] {
  const results = new Map(
    messages.flatMap((message) => (message.role === 'tool' ? [[message.tool_call_id, message.content]] : [])),
  )
  const lastUser = messages.findLastIndex(({ role }) => role === 'user')
  return messages.flatMap((message, index) => {
    if (message.role !== 'assistant') return []
    return (message.tool_calls ?? []).map((call) => ({
      name: call.function.name,
      input: parseObject(call.function.arguments) ?? {},
      result: readResult(results.get(call.id) ?? ''),
      isRecent: index > lastUser,
    }))
  })
}

function readResult(text: string): PastCall['result'] {
  const json = parseObject(text)
  return json ? { json, text } : { text }
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
