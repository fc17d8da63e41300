/**
 * The rows of runs. Dapr's state API can't list keys, so each writer keeps a list of those that it wrote for a run, saved
 * together with them: what is needed to delete them all.
 */
import { randomUUID } from 'node:crypto'
import { listKey, PAGE_LETTERS, writersKey } from './protocol.ts'
import { Recent } from './recent.ts'
import type { Row, Store } from './store.ts'

/** Keys of one list. */
const LIST = 100
/** Letters of JSON that are saved at once: a daprd as it is by default takes 4 MiB. */
const SAVE = 700_000

interface Writers {
  readonly ids: readonly string[]
}

interface KeyList {
  readonly keys: readonly string[]
}

export class RunRows {
  readonly #store: Store
  readonly #writers = new Recent<Promise<Writer>>()

  constructor(store: Store) {
    this.#store = store
  }

  async put(nonce: string, key: string, value: object): Promise<void> {
    const writer = await this.#writerOf(nonce)
    await writer.save([{ key, value }])
  }

  /** As `Store.first()`. */
  async first(nonce: string, key: string, value: object): Promise<boolean> {
    const writer = await this.#writerOf(nonce)
    // Before it: a row that nobody knows of would never be deleted.
    await writer.note(key)
    return this.#store.first(key, value)
  }

  /** Keeps a text of any length; gives the number of its pages, without which it is not found again. */
  async putText(nonce: string, key: string, text: string): Promise<number> {
    const pages = pagesOf(text)
    const rows = Array.from({ length: pages }, (_, page) => ({
      key: `${key}/${page}`,
      value: { text: text.slice(page * PAGE_LETTERS, (page + 1) * PAGE_LETTERS) },
    }))
    const writer = await this.#writerOf(nonce)
    await Promise.all(rows.map((row) => writer.save([row])))
    return pages
  }

  /** `undefined` where a page is missing. */
  async getText(key: string, pages: number): Promise<string | undefined> {
    const parts = await Promise.all(
      Array.from({ length: pages }, (_, page) => this.#store.get<{ readonly text: string }>(`${key}/${page}`)),
    )
    return parts.every((part) => part !== undefined) ? parts.map(({ text }) => text).join('') : undefined
  }

  get<T extends object>(key: string): Promise<T | undefined> {
    return this.#store.get<T>(key)
  }

  /** Deletes all rows of a run, whoever wrote them. */
  async deleteAll(nonce: string): Promise<void> {
    const { ids } = (await this.#store.get<Writers>(writersKey(nonce))) ?? { ids: [] }
    for (const id of ids) {
      for (let list = 0; ; list++) {
        const known = await this.#store.get<KeyList>(listKey(nonce, id, list))
        if (!known) break
        await Promise.all(known.keys.map((key) => this.#store.delete(key)))
        await this.#store.delete(listKey(nonce, id, list))
      }
    }
    await this.#store.delete(writersKey(nonce))
    this.#writers.delete(nonce)
  }

  #writerOf(nonce: string): Promise<Writer> {
    const known = this.#writers.get(nonce)
    if (known) return known
    const writer = this.#join(nonce)
    this.#writers.set(nonce, writer)
    writer.catch(() => this.#writers.delete(nonce))
    return writer
  }

  async #join(nonce: string): Promise<Writer> {
    const id = randomUUID().slice(0, 13)
    for (;;) {
      const { value, etag } = await this.#store.getWithTag<Writers>(writersKey(nonce))
      const ids = [...(value?.ids ?? []), id]
      if (await this.#store.replace(writersKey(nonce), { ids }, etag)) return new Writer(this.#store, nonce, id)
    }
  }
}

/** Of how many pages a text is. */
export function pagesOf(text: string): number {
  return Math.max(1, Math.ceil(text.length / PAGE_LETTERS))
}

/** Writes one thing at a time for a run, and together what comes meanwhile: a list must not be overtaken by an older one. */
class Writer {
  readonly #store: Store
  readonly #nonce: string
  readonly #id: string
  #list = 0
  #keys: string[] = []
  #next: Row[] = []
  #saving: Promise<void> = Promise.resolve()
  #planned: Promise<void> | undefined

  constructor(store: Store, nonce: string, id: string) {
    this.#store = store
    this.#nonce = nonce
    this.#id = id
  }

  save(rows: readonly Row[]): Promise<void> {
    this.#next.push(...rows)
    for (const { key } of rows) this.#keys.push(key)
    return this.#plan()
  }

  note(key: string): Promise<void> {
    this.#keys.push(key)
    return this.#plan()
  }

  #plan(): Promise<void> {
    if (this.#planned) return this.#planned
    const planned = this.#saving.then(() => this.#save())
    this.#planned = planned
    this.#saving = planned.catch(() => {})
    return planned
  }

  async #save(): Promise<void> {
    this.#planned = undefined
    const rows = this.#next
    const keys = this.#keys
    const key = listKey(this.#nonce, this.#id, this.#list)
    this.#next = []
    if (keys.length >= LIST) {
      this.#list++
      this.#keys = []
    }
    let batch: Row[] = [{ key, value: { keys } }]
    let letters = 0
    for (const row of rows) {
      const its = JSON.stringify(row.value).length
      if (letters > 0 && letters + its > SAVE) {
        await this.#store.putAll(batch)
        batch = []
        letters = 0
      }
      batch.push(row)
      letters += its
    }
    await this.#store.putAll(batch)
  }
}
