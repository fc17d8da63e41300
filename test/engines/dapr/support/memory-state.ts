/** A state store in memory, behind the part of Dapr's client that Holdfast uses: for tests of the worker's side alone. */
import type { DaprClient } from '@dapr/dapr'
import { RunRows } from '../../../../src/plugins/dapr/run-rows.ts'
import { Store } from '../../../../src/plugins/dapr/store.ts'

interface Item {
  readonly key: string
  readonly value: unknown
  readonly etag?: string
  readonly options?: unknown
}

/** Rows that nobody else sees. */
export function memoryRows(): RunRows {
  const rows = new Map<string, { readonly value: unknown; readonly etag: string }>()
  let writes = 0
  const state = {
    get: async (_: string, key: string) => rows.get(key)?.value ?? '',
    getBulk: async (_: string, keys: string[]) =>
      keys.map((key) => ({ key, data: rows.get(key)?.value, etag: rows.get(key)?.etag ?? '' })),
    async save(_: string, items: Item[]) {
      for (const { key, value, etag, options } of items) {
        if (options && rows.get(key)?.etag !== etag) throw new Error('etag mismatch')
        rows.set(key, { value: JSON.parse(JSON.stringify(value)), etag: String(++writes) })
      }
    },
    async delete(_: string, key: string) {
      rows.delete(key)
    },
  }
  return new RunRows(new Store({ state } as unknown as DaprClient, 'statestore'))
}
