/** What a run is started with, as it is kept: large files are in the store, and the record has their references. */
import type { Message } from '../message.ts'
import { fromModelFile, isLargeFile } from '../model/file.ts'
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

/** Whether there is something to be stored. */
export function hasLargeFiles({ input, messages = [] }: Opening): boolean {
  const contents = [input, ...messages.map(({ content }) => content)]
  return contents.some((each) => typeof each !== 'string' && each.some(isLargeFile))
}

/** An opening with its large files in the store. */
export async function storeOpening({ input, messages }: Opening, payloads: PayloadStore): Promise<Opening> {
  const store = async <T>(part: T): Promise<T> =>
    isLargeFile(part) ? { ...part, data: await fromModelFile(part.data.base64, payloads) } : part
  const storeAll = async <C extends string | readonly unknown[]>(content: C): Promise<C> =>
    typeof content === 'string' ? content : ((await Promise.all(content.map(store))) as unknown as C)
  const storeMessage = async (message: Message): Promise<Message> =>
    ({ ...message, content: await storeAll<Message['content']>(message.content) }) as Message
  return {
    input: await storeAll(input),
    ...(messages && { messages: await Promise.all(messages.map(storeMessage)) }),
  }
}
