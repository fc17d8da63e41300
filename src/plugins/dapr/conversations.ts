/**
 * What a worker knows of conversations. A workflow and the steps that it asks for are mostly in one process, which has them in
 * memory. Once a worker lacked one, those of the run are in the state store, too: a row for what each model step brought.
 */
import type { Base, ErrorJson, Json, Message, StepDescriptor } from '../../index.ts'
import { digest, executionId, HoldfastError } from '../../index.ts'
import { conversationsHere } from './here.ts'
import type { ConversationEnd, ConversationRow, StepCall } from './protocol.ts'
import { conversationKey, inputKey, PAGE_LETTERS } from './protocol.ts'
import type { RunRows } from './run-rows.ts'

export interface Conversation {
  readonly base: Base
  readonly append: readonly Message[]
}

/** Of a step that is about a conversation: the part of its input that names it. */
export function conversationOf({ kind, name, input }: StepDescriptor): Conversation | undefined {
  return kind === 'model' || name === 'holdfast.compact' ? (input as unknown as Conversation) : undefined
}

/** What the conversation is with all that is new. */
export function endOf({ base, append }: Conversation): ConversationEnd {
  const chained = append.reduce((before, message) => digest(message as unknown as Json, before), base.digest)
  return { length: base.length + append.length, digest: chained }
}

/** Keeps what a step brought, so that it and the next one can be executed anywhere. */
export function keepRow(rows: RunRows, nonce: string, conversation: Conversation): Promise<void> {
  const { base, append } = conversation
  return putRow(rows, nonce, endOf(conversation), { before: base, messages: append })
}

/** Keeps all that was said before a step. */
export async function keepBase(rows: RunRows, nonce: string, base: Base, before: readonly Message[]): Promise<void> {
  if (base.length > 0) await putRow(rows, nonce, base, { before: { length: 0, digest: '' }, messages: before })
}

async function putRow(
  rows: RunRows,
  nonce: string,
  end: ConversationEnd,
  { before, messages }: { readonly before: ConversationEnd; readonly messages: readonly Message[] },
): Promise<void> {
  const key = conversationKey(nonce, end.digest)
  const text = JSON.stringify(messages)
  const pages = text.length > PAGE_LETTERS ? await rows.putText(nonce, key, text) : undefined
  const row: ConversationRow = { before, messages: pages ?? messages }
  await rows.put(nonce, key, row)
}

export class Conversations {
  readonly #rows: RunRows
  readonly #limit: number
  /** Messages up to the end of a row, by its key. */
  readonly #known = new Map<string, { readonly messages: readonly Message[]; readonly letters: number }>()
  #letters = 0

  /** @param limit letters of JSON that are remembered in all, shared parts counted for each */
  constructor(rows: RunRows, limit: number) {
    this.#rows = rows
    this.#limit = limit
  }

  /** The messages before what is new. */
  async before({ nonce, step }: StepCall, base: Base): Promise<readonly Message[]> {
    if (base.length === 0) return []
    const here = conversationsHere.get(`${nonce} ${executionId(step)}`)
    return here ? here.before() : this.#upTo(nonce, base, step.id)
  }

  /** The step with what was left out of its input. */
  async whole({ nonce, step, held, heldInput }: StepCall, before: readonly Message[]): Promise<StepDescriptor> {
    if (heldInput !== undefined) {
      const text = await this.#rows.getText(inputKey(nonce, executionId(step)), heldInput)
      if (text === undefined) throw missing(step.id)
      return { ...step, input: JSON.parse(text) } as StepDescriptor
    }
    if (!held) return step
    const here = conversationsHere.get(`${nonce} ${executionId(step)}`)
    const append = here?.append ?? (await this.#upTo(nonce, held, step.id)).slice(before.length)
    const input = { ...(step.input as object), append }
    return { ...step, input } as unknown as StepDescriptor
  }

  async keep({ nonce }: StepCall, conversation: Conversation, before: readonly Message[]): Promise<void> {
    await keepRow(this.#rows, nonce, conversation)
    const { base, append } = conversation
    const letters = this.#known.get(conversationKey(nonce, base.digest))?.letters ?? lettersOf(before)
    const messages = [...before, ...append]
    this.#remember(conversationKey(nonce, endOf(conversation).digest), messages, letters + lettersOf(append))
  }

  async #upTo(nonce: string, end: ConversationEnd, step: string): Promise<readonly Message[]> {
    const parts: (readonly Message[])[] = []
    let letters = 0
    for (let at = end; at.length > 0; ) {
      const key = conversationKey(nonce, at.digest)
      const known = this.#known.get(key)
      if (known) {
        parts.push(known.messages)
        letters += known.letters
        break
      }
      const row = await this.#rows.get<ConversationRow>(key)
      const messages = row && (await this.#messagesOf(key, row))
      if (!messages) throw missing(step)
      parts.push(messages)
      letters += lettersOf(messages)
      at = row.before
    }
    const messages = parts.reverse().flat()
    this.#remember(conversationKey(nonce, end.digest), messages, letters)
    return messages
  }

  async #messagesOf(key: string, { messages }: ConversationRow): Promise<readonly Message[] | undefined> {
    if (typeof messages !== 'number') return messages
    const text = await this.#rows.getText(key, messages)
    return text === undefined ? undefined : (JSON.parse(text) as Message[])
  }

  #remember(key: string, messages: readonly Message[], letters: number): void {
    if (this.#known.has(key)) return
    this.#known.set(key, { messages, letters })
    this.#letters += letters
    for (const [oldest, { letters: its }] of this.#known) {
      if (this.#letters <= this.#limit) break
      this.#known.delete(oldest)
      this.#letters -= its
    }
  }
}

function lettersOf(messages: readonly Message[]): number {
  return messages.reduce((sum, message) => sum + JSON.stringify(message).length, 0)
}

/** Of what an activity lacked: it is in no row, and whoever has it is asked to write it. */
export function isUnwritten({ details }: ErrorJson): boolean {
  return typeof details === 'object' && details !== null && 'unwritten' in details
}

function missing(step: string): HoldfastError {
  return new HoldfastError({
    code: 'ENGINE_UNAVAILABLE',
    kind: 'retryable',
    message: `what step ${step} is given is neither here nor in the state store. Do all workers use the same store?`,
    details: { step, unwritten: true },
  })
}
