/** What the messages of a conversation became for a model, so that the next call of it converts what is new alone. */
import type { LanguageModelV4Message } from '@ai-sdk/provider'
import type { Message } from '../message.ts'

type Version = 'v3' | 'v4'

/**
 * Place by place: a conversation only grows, so a message is looked for where it was the last time. Whoever shows a
 * model something else (trimmed, compacted) has it converted. Belongs to one agent of a run, and ends with it.
 */
export class PromptMemory {
  readonly #messages: Message[] = []
  readonly #converted: LanguageModelV4Message[] = []
  #version: Version | undefined

  /** How many messages of a conversation are here, from its first on to the first that is not. */
  countOf(messages: readonly Message[], version: Version): number {
    if (this.#version !== version) return 0
    const kept = this.#messages
    let count = 0
    while (count < messages.length && kept[count] === messages[count]) count++
    return count
  }

  /** The first `count`, behind what goes before them. An array of its own: a copy of all at once costs little. */
  behind(before: readonly LanguageModelV4Message[], count: number): LanguageModelV4Message[] {
    const kept = this.#converted
    return before.concat(count === kept.length ? kept : kept.slice(0, count))
  }

  get(index: number, message: Message, version: Version): LanguageModelV4Message | undefined {
    return this.#version === version && this.#messages[index] === message ? this.#converted[index] : undefined
  }

  /** Only what can't change is kept, and no files: stored ones would stay in memory. */
  keep(index: number, message: Message, version: Version, converted: LanguageModelV4Message): void {
    if (!Object.isFrozen(message) || hasFile(message)) return
    if (this.#version !== version) this.#messages.length = 0
    this.#version = version
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
