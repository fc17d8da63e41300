/** Records as the service takes them: small ones as they are, large ones in the payload store. */
import type { Serdes } from '@aws/durable-execution-sdk-js'
import type { PayloadStore } from '../../index.ts'
import { HoldfastError } from '../../index.ts'
import type { Json } from '../../json.ts'
import { MAX_RECORD, sizeOf } from './protocol.ts'

/** In place of JSON that is too large. */
interface Elsewhere {
  readonly $elsewhere: string
}

/** The JSON of what is recorded in place of a value. Gives nothing where it is too large and there is no store. */
export async function pack(value: Json, payloads: PayloadStore | undefined): Promise<string | undefined> {
  const text = JSON.stringify(value)
  if (sizeOf(text) <= MAX_RECORD) return text
  if (!payloads) return undefined
  return JSON.stringify({ $elsewhere: await payloads.put(new TextEncoder().encode(text)) } satisfies Elsewhere)
}

/** What a step gives the SDK: its text, which was made to be measured. What the SDK gives back is what was packed. */
export const recordSerdes: Serdes<Json> = {
  serialize: async (text) => text as string,
  deserialize: async (text) => JSON.parse(text ?? 'null') as Json,
}

export async function unpack(value: Json, payloads: PayloadStore | undefined): Promise<Json> {
  if (!isElsewhere(value)) return value
  if (payloads) return JSON.parse(new TextDecoder().decode(await payloads.get(value.$elsewhere))) as Json
  throw new HoldfastError({
    code: 'CONFIG_INVALID',
    message: `what was recorded is in a payload store, as ${value.$elsewhere}: give the one that the run was started with.`,
    details: { ref: value.$elsewhere },
  })
}

function isElsewhere(value: Json): value is { $elsewhere: string } {
  return typeof (value as unknown as Elsewhere | null)?.$elsewhere === 'string'
}
