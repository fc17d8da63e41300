/** What a run is started with, as it is kept: large files are in the store, and the record has their references. */
import type { Message } from '../message.ts'
import { storeFiles } from '../model/file.ts'
import type { RunInput } from '../run.ts'
import type { AgentSpec } from '../spec.ts'
import type { PayloadStore } from '../stream.ts'

export interface Opening {
  readonly input: RunInput
  readonly messages?: readonly Message[]
}

/** What the first record of a run says: the opening only where it has large files. */
export interface Pinned extends Partial<Opening> {
  readonly spec: AgentSpec
}

/** The members of an opening that have large files, with these in the store. */
export async function storeOpening(opening: Opening, payloads: PayloadStore): Promise<Partial<Opening>> {
  const input = await storeFiles(opening.input, payloads)
  const messages: Message[] = []
  let stored = false
  for (const message of opening.messages ?? []) {
    const content = await storeFiles<Message['content']>(message.content, payloads)
    stored ||= content !== message.content
    messages.push({ ...message, content } as Message)
  }
  return { ...(input !== opening.input && { input }), ...(stored && { messages }) }
}
