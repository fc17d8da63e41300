/** What a worker knows of conversations; the rest is in the state store, a row for what each model step brought. */
import type { Base, Json, Message } from '../../index.ts'
import { digest, executionId, HoldfastError } from '../../index.ts'
import { conversationsHere } from './here.ts'
import type { ConversationRow, StepCall } from './protocol.ts'
import { conversationKey } from './protocol.ts'
import type { Store } from './store.ts'

interface Conversational {
  readonly base: Base
  readonly append: readonly Message[]
}

/** Of a step that is about a conversation: the part of its input that names it. */
export function conversationOf({ step }: StepCall): Conversational | undefined {
  const { kind, name, input } = step
  return kind === 'model' || name === 'holdfast.compact' ? (input as unknown as Conversational) : undefined
}

export class Conversations {
  readonly #store: Store
  readonly #limit: number
  /** Messages up to the end of a row, by its key. */
  readonly #known = new Map<string, { readonly messages: readonly Message[]; readonly letters: number }>()
  #letters = 0

  /** @param limit letters of JSON that are remembered in all, shared parts counted for each */
  constructor(store: Store, limit: number) {
    this.#store = store
    this.#limit = limit
  }

  /** The messages before what is new. */
  async before({ nonce, step }: StepCall, base: Base): Promise<readonly Message[]> {
    if (base.length === 0) return []
    const here = conversationsHere.get(`${nonce} ${executionId(step)}`)
    if (here) return here()
    const parts: (readonly Message[])[] = []
    for (let at: Base = base; at.length > 0; ) {
      const key = conversationKey(nonce, at.digest)
      const known = this.#known.get(key)
      if (known) {
        parts.push(known.messages)
        break
      }
      const row = await this.#store.get<ConversationRow>(key)
      if (!row) throw missing(step.id)
      parts.push(row.messages)
      at = row.before
    }
    return parts.reverse().flat()
  }

  /** Keeps what a step brought, so that the next one can be executed anywhere. */
  async keep({ nonce }: StepCall, { base, append }: Conversational, before: readonly Message[]): Promise<void> {
    const end = append.reduce((chained, message) => digest(message as unknown as Json, chained), base.digest)
    const key = conversationKey(nonce, end)
    const row: ConversationRow = { before: base, messages: append }
    await this.#store.put(key, row)
    this.#remember(key, [...before, ...append])
  }

  #remember(key: string, messages: readonly Message[]): void {
    const letters = JSON.stringify(messages.at(-1) ?? '').length * messages.length
    this.#known.set(key, { messages, letters })
    this.#letters += letters
    for (const [oldest, { letters: its }] of this.#known) {
      if (this.#letters <= this.#limit) break
      this.#known.delete(oldest)
      this.#letters -= its
    }
  }
}

function missing(step: string): HoldfastError {
  return new HoldfastError({
    code: 'ENGINE_UNAVAILABLE',
    kind: 'retryable',
    message: `the conversation that step ${step} goes on with is not in the state store. Do all workers use the same store?`,
    details: { step },
  })
}
