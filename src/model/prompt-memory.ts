/** What the messages of a conversation became for a model, so that the next call of it converts what is new alone. */
import type { LanguageModelV4Message } from '@ai-sdk/provider'
import type { Message } from '../message.ts'

const memories = new WeakMap<Message, PromptMemory>()

/**
 * Place by place: a conversation only grows, so a message is looked for where it was the last time. Whoever shows a
 * model something else (trimmed, compacted, another conversation with the same beginning) has it converted.
 */
export class PromptMemory {
  readonly #version: 'v3' | 'v4'
  readonly #messages: Message[] = []
  readonly #converted: LanguageModelV4Message[] = []

  private constructor(version: 'v3' | 'v4') {
    this.#version = version
  }

  /** A conversation is known by its first message, and forgotten with it. */
  static of(first: Message, version: 'v3' | 'v4'): PromptMemory {
    let memory = memories.get(first)
    if (!memory || memory.#version !== version) {
      memory = new PromptMemory(version)
      memories.set(first, memory)
    }
    return memory
  }

  get(index: number, message: Message): LanguageModelV4Message | undefined {
    return this.#messages[index] === message ? this.#converted[index] : undefined
  }

  /** Only what can't change is kept, and no files: stored ones would stay in memory. */
  keep(index: number, message: Message, converted: LanguageModelV4Message): void {
    if (!Object.isFrozen(message) || hasFile(message)) return
    this.#messages[index] = message
    this.#converted[index] = converted
  }
}

function hasFile({ content }: Message): boolean {
  if (typeof content === 'string') return false
  for (const part of content) {
    if (part.type === 'file' || part.type === 'reasoning-file') return true
    if (part.type === 'tool-result' && part.output.type === 'content') return true
  }
  return false
}
