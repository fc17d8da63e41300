/** Rows in the user's own state store, through Dapr's state API. */
import type { DaprClient } from '@dapr/dapr'
import { StateConcurrencyEnum, StateConsistencyEnum } from '@dapr/dapr'
import { HoldfastError } from '../../index.ts'

/** A state store's `first-write` for a key that is not there means that one of several writers is the first. */
const FIRST = {
  concurrency: StateConcurrencyEnum.CONCURRENCY_FIRST_WRITE,
  consistency: StateConsistencyEnum.CONSISTENCY_STRONG,
}
const ABORTED = 10

export interface Row {
  readonly key: string
  readonly value: object
}

export class Store {
  readonly #client: DaprClient
  readonly #name: string

  constructor(client: DaprClient, name: string) {
    this.#client = client
    this.#name = name
  }

  async get<T extends object>(key: string): Promise<T | undefined> {
    const value: unknown = await this.#do(() => this.#client.state.get(this.#name, key))
    return typeof value === 'object' && value !== null ? (value as T) : undefined
  }

  async getWithTag<T extends object>(key: string): Promise<{ readonly value?: T; readonly etag?: string }> {
    const [row] = await this.#do(() => this.#client.state.getBulk(this.#name, [key]))
    const { data, etag } = (row ?? {}) as { data?: unknown; etag?: string }
    return typeof data === 'object' && data !== null ? { value: data as T, ...(etag && { etag }) } : {}
  }

  async put(key: string, value: object): Promise<void> {
    await this.putAll([{ key, value }])
  }

  async putAll(rows: readonly Row[]): Promise<void> {
    await this.#do(() => this.#client.state.save(this.#name, [...rows]))
  }

  /** Keeps a row for so many seconds, in stores that know how to; others keep it. */
  async putFor(seconds: number, key: string, value: object): Promise<void> {
    const metadata = { ttlInSeconds: String(seconds) }
    await this.#do(() => this.#client.state.save(this.#name, [{ key, value, metadata }]))
  }

  /** Gives whether this was the first write of the key; of several at once one is. */
  async first(key: string, value: object): Promise<boolean> {
    return this.#unlessChanged({ key, value, options: FIRST })
  }

  /** Gives whether the row was still as it was when it was read. */
  async replace(key: string, value: object, etag: string | undefined): Promise<boolean> {
    return this.#unlessChanged({ key, value, options: FIRST, ...(etag && { etag }) })
  }

  async delete(key: string): Promise<void> {
    await this.#do(() => this.#client.state.delete(this.#name, key))
  }

  /** Gives whether the row was still as it was when it was read. */
  async deleteUnchanged(key: string, etag: string | undefined): Promise<boolean> {
    return this.#done(() => this.#client.state.delete(this.#name, key, { ...FIRST, ...(etag && { etag }) }))
  }

  #unlessChanged(item: { key: string; value: object; options: typeof FIRST; etag?: string }): Promise<boolean> {
    return this.#done(() => this.#client.state.save(this.#name, [item]))
  }

  async #done(write: () => Promise<unknown>): Promise<boolean> {
    try {
      await unlessBusy(write)
      return true
    } catch (error) {
      const { code, message } = error as { code?: unknown; message?: string }
      if (code === ABORTED || /etag mismatch/i.test(message ?? '')) return false
      throw unavailable(error, 'the state store did not take a row')
    }
  }

  async #do<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await unlessBusy(work)
    } catch (error) {
      throw unavailable(error, `the state store '${this.#name}' can't be used`)
    }
  }
}

const TRIES = 5

/** Again where the store says that it was busy with others, and did nothing. */
async function unlessBusy<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      const isBusy = /database is locked|SQLITE_BUSY/i.test(error instanceof Error ? error.message : '')
      if (!isBusy || tries >= TRIES) throw error
      await new Promise((resolve) => setTimeout(resolve, 50 * tries))
    }
  }
}

export function unavailable(error: unknown, what: string): HoldfastError {
  return new HoldfastError({
    code: 'ENGINE_UNAVAILABLE',
    kind: 'retryable',
    message: `${what}: ${error instanceof Error ? error.message : String(error)}. Is daprd there, and does it have the store?`,
    cause: error,
  })
}
