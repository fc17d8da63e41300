/** A `PayloadStore` as Temporal's ExternalStorage: what is too large for a payload goes there. */
import type { Payload } from '@temporalio/common'
import { ExternalStorage, StorageDriverClaim } from '@temporalio/common'
import type { PayloadStore } from '../../index.ts'
import { HoldfastError } from '../../index.ts'

export interface PayloadStorageOptions {
  /** Bytes from which a payload goes to the store. Default: 256 KiB. */
  readonly threshold?: number
}

/**
 * For `dataConverter: { externalStorage: payloadStorage(store) }`, of the client and of all workers: they must reach the same
 * store. Any other ExternalStorage of Temporal's does as well.
 */
export function payloadStorage(store: PayloadStore, { threshold }: PayloadStorageOptions = {}): ExternalStorage {
  return new ExternalStorage({
    drivers: [
      {
        // Names that histories have: a run finds its payloads by them.
        name: 'holdfast',
        type: 'holdfast.payloads',
        store: (_, payloads) =>
          Promise.all(payloads.map(async (one) => new StorageDriverClaim({ ref: await store.put(bytesOf(one)) }))),
        retrieve: (_, claims) =>
          Promise.all(claims.map(async ({ claimData }) => payloadOf(await store.get(claimData['ref'] ?? '')))),
      },
    ],
    ...(threshold !== undefined && { payloadSizeThreshold: threshold }),
  })
}

/** The metadata as a line of JSON, and the data as it is. */
function bytesOf({ metadata, data }: Payload): Uint8Array {
  const entries = Object.entries(metadata ?? {}).map(([key, value]) => [key, Buffer.from(value).toString('base64')])
  return Buffer.concat([Buffer.from(`${JSON.stringify(Object.fromEntries(entries))}\n`), data ?? new Uint8Array()])
}

function payloadOf(bytes: Uint8Array): Payload {
  const end = bytes.indexOf(10)
  if (end < 0) {
    throw new HoldfastError({
      code: 'JOURNAL_CORRUPT',
      message:
        'a payload of the store is not one that payloadStorage() put there. Give it the store that the run was started with.',
    })
  }
  const head = JSON.parse(Buffer.from(bytes.subarray(0, end)).toString('utf8')) as { readonly [key: string]: string }
  const metadata = Object.fromEntries(Object.entries(head).map(([key, value]) => [key, Buffer.from(value, 'base64')]))
  return { metadata, data: bytes.subarray(end + 1) }
}
