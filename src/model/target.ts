/** What a prompt is made for, and what all its parts need. */
import { HoldfastError } from '../errors.ts'
import { fromJson } from '../json.ts'
import type { ProviderOptions } from '../message.ts'
import type { FileSource } from './file.ts'
import type { PromptMemory } from './prompt-memory.ts'

export interface PromptTarget extends FileSource {
  readonly version: 'v3' | 'v4'
  /** Of the conversation, where it goes on. */
  readonly memory?: PromptMemory
}

/** A part's provider options, as the provider gave them. */
export function withOptions(part: { readonly providerOptions?: ProviderOptions }): { providerOptions?: never } {
  return part.providerOptions ? { providerOptions: fromJson(part.providerOptions) as never } : {}
}

export function unsupported(target: PromptTarget, what: string): HoldfastError {
  return new HoldfastError({
    code: 'UNSUPPORTED',
    message: `${target.where}: the conversation has ${what}, which no model of specification ${target.version} takes. Take one of v4.`,
  })
}
