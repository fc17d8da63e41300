/** The part of the OpenAI chat-completions dialect that the example's model speaks. */
export interface ChatRequest {
  readonly model: string
  readonly messages: readonly ChatMessage[]
  readonly stream?: boolean
  readonly stream_options?: { readonly include_usage?: boolean }
}

export type ChatMessage =
  | {
      readonly role: 'system' | 'user'
      readonly content: string | readonly { readonly type: string; readonly text?: string }[]
    }
  | { readonly role: 'assistant'; readonly content: string | null; readonly tool_calls?: readonly ChatToolCall[] }
  | { readonly role: 'tool'; readonly tool_call_id: string; readonly content: string }

export interface ChatToolCall {
  readonly id: string
  readonly type: 'function'
  readonly function: { readonly name: string; readonly arguments: string }
}

/** What the model says: a text, and tools that it wants called. */
export interface Reply {
  readonly text: string
  readonly calls: readonly { readonly name: string; readonly input: unknown }[]
}

export function textOfMessage({ content }: ChatMessage): string {
  if (typeof content === 'string') return content
  return (content ?? []).map(({ text = '' }) => text).join('')
}

/** Ids come from the place in the conversation: asked the same thing again, the model answers the same. */
export function toolCallsOf({ calls }: Reply, position: number): ChatToolCall[] {
  return calls.map(({ name, input }, index) => ({
    id: `call_${position}_${index}`,
    type: 'function',
    function: { name, arguments: JSON.stringify(input) },
  }))
}
