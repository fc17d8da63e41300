/**
 * What earlier executions of a workflow did. A run whose history grows long goes on as a new execution at the end of a turn:
 * the loop then goes through what is done without asking Dapr for any of it. It is kept in rows that never change.
 */
import type { StepRecord, WaitOutput } from '../../index.ts'
import { HoldfastError } from '../../index.ts'
import { pastKey } from './protocol.ts'
import { Recent } from './recent.ts'
import type { RunRows } from './run-rows.ts'

export interface PastWait {
  /** Fingerprint of the wait. */
  readonly of: string
  readonly output: WaitOutput
}

export interface Past {
  /** By execution. */
  readonly records: ReadonlyMap<string, StepRecord>
  /** By id. */
  readonly waits: ReadonlyMap<string, PastWait>
}

export const NOTHING: Past = { records: new Map(), waits: new Map() }

/** What is done in one execution, until it is its past. */
export interface Doings {
  readonly records: Map<string, StepRecord>
  readonly waits: Map<string, PastWait>
}

type Part = readonly [records: readonly [string, StepRecord][], waits: readonly [string, PastWait][]]

/** Runs whose past is kept in memory. */
const MANY = 100

export class Pasts {
  readonly #rows: RunRows
  readonly #known = new Recent<Past>(MANY)

  constructor(rows: RunRows) {
    this.#rows = rows
  }

  /**
   * @param parts the number of pages of what each earlier execution did
   * @throws `ENGINE_UNAVAILABLE`
   */
  async load(nonce: string, parts: readonly number[]): Promise<Past> {
    if (parts.length === 0) return NOTHING
    const known = this.#known.get(`${nonce} ${parts.length}`)
    if (known) return known
    const last = parts.length - 1
    const before = await this.load(nonce, parts.slice(0, -1))
    const text = await this.#rows.getText(pastKey(nonce, last), parts[last] ?? 0)
    if (text === undefined) throw missing(nonce)
    return this.#add(nonce, parts.length, before, JSON.parse(text) as Part)
  }

  /** Keeps what an execution did; gives the parts that the next one begins with. */
  async keep(nonce: string, parts: readonly number[], past: Past, { records, waits }: Doings): Promise<number[]> {
    const part: Part = [[...records], [...waits]]
    const pages = await this.#rows.putText(nonce, pastKey(nonce, parts.length), JSON.stringify(part))
    this.#add(nonce, parts.length + 1, past, part)
    return [...parts, pages]
  }

  #add(nonce: string, count: number, before: Past, [records, waits]: Part): Past {
    const past: Past = {
      records: new Map([...before.records, ...records]),
      waits: new Map([...before.waits, ...waits]),
    }
    this.#known.set(`${nonce} ${count}`, past)
    this.#known.delete(`${nonce} ${count - 1}`)
    return past
  }
}

function missing(nonce: string): HoldfastError {
  return new HoldfastError({
    code: 'ENGINE_UNAVAILABLE',
    kind: 'retryable',
    message: 'what the run did before is not in the state store. Do all workers use the same store?',
    details: { nonce },
  })
}
