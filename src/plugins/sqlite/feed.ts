/**
 * The feed of a run: what its steps said, in the order in which it came. A row holds what one execution of a step said at
 * one time; a chunk's place in the feed is its cursor.
 */
import type { StreamChunk } from '../../index.ts'
import type { Connection } from './connection.ts'
import { keyOf, keysOf, PLACES, placeOf } from './keys.ts'

/** One real execution of a step. */
interface Execution {
  readonly step: string
  readonly nonce: string
  /** The offset of the chunk that comes next; one below it was said already. */
  next: number
  ended: boolean
}

interface NewRow {
  readonly execution: Execution
  /** The offset of its first chunk. */
  readonly first: number
  readonly bodies: string[]
}

/** A chunk without its position. */
export type Body = Pick<StreamChunk, 'type'>

export class Feed {
  readonly no: number
  /** The place of the chunk that comes next. */
  #next = 0
  readonly #executions = new Map<string, Execution>()
  /** By step: the execution that is running. */
  readonly #open = new Map<string, Execution>()
  readonly #rows: NewRow[] = []

  private constructor(no: number) {
    this.no = no
  }

  /** In a write transaction: the feed as the journal has it. `known` is given back if nobody else has written to it. */
  static of(connection: Connection, runId: string, known: Feed | undefined): Feed {
    const no = feedNumber(connection, runId) ?? connection.insert('INSERT INTO feeds (run_id) VALUES (?)', runId)
    const [first, end] = keysOf(no)
    const last = connection.get<{ key: number | null }>(
      'SELECT max(key) AS key FROM chunks WHERE key BETWEEN ? AND ?',
      first,
      end,
    )?.key
    const next = last == null ? 0 : placeOf(last) + 1
    if (known?.no === no && known.#next === next) return known
    const feed = new Feed(no)
    if (next > 0) feed.#load(connection)
    feed.#next = next
    return feed
  }

  #load(connection: Connection): void {
    const rows = connection.all<{ step: string; nonce: string; next: number; ended: number }>(
      'SELECT step, nonce, first + length AS next, ended FROM chunks WHERE key BETWEEN ? AND ? ORDER BY key',
      ...keysOf(this.no),
    )
    for (const { step, nonce, next, ended } of rows) {
      const execution = this.#executions.get(nameOf(step, nonce)) ?? this.#begin(step, nonce)
      execution.next = next
      if (ended) this.#end(execution)
    }
  }

  /** Takes a chunk, unless it was said already or is of an execution that has ended. */
  add({ runId: _, stepId, nonce, offset, cursor: __, ...body }: StreamChunk): void {
    let execution = this.#executions.get(nameOf(stepId, nonce))
    if (!execution) {
      // One that has not ended though the step runs again: it died.
      const dead = this.#open.get(stepId)
      if (dead) this.#append(dead, dead.next, { type: 'superseded' })
      execution = this.#begin(stepId, nonce)
    }
    if (!execution.ended && offset >= execution.next) this.#append(execution, offset, body)
  }

  /** Writes what was taken. */
  write(connection: Connection): void {
    for (const { execution, first, bodies } of this.#rows.splice(0)) {
      const { step, nonce, next, ended } = execution
      const place = this.#next + bodies.length
      // So much that its run has no more keys: it is in the records all the same.
      if (place > PLACES) return
      connection.run(
        'INSERT INTO chunks (key, step, nonce, first, length, ended, bodies) VALUES (?, ?, ?, ?, ?, ?, ?)',
        keyOf(this.no, place - 1),
        step,
        nonce,
        first,
        bodies.length,
        ended && first + bodies.length === next ? 1 : 0,
        `[${bodies.join(',')}]`,
      )
      this.#next = place
    }
  }

  #append(execution: Execution, offset: number, body: Body): void {
    const row = this.#rows.at(-1)
    const json = JSON.stringify(body)
    if (row?.execution === execution && row.first + row.bodies.length === offset) row.bodies.push(json)
    else this.#rows.push({ execution, first: offset, bodies: [json] })
    execution.next = offset + 1
    if (body.type === 'end' || body.type === 'superseded') this.#end(execution)
  }

  #begin(step: string, nonce: string): Execution {
    const execution: Execution = { step, nonce, next: 0, ended: false }
    this.#executions.set(nameOf(step, nonce), execution)
    this.#open.set(step, execution)
    return execution
  }

  #end(execution: Execution): void {
    execution.ended = true
    if (this.#open.get(execution.step) === execution) this.#open.delete(execution.step)
  }
}

function nameOf(step: string, nonce: string): string {
  return `${nonce} ${step}`
}

export function feedNumber(connection: Connection, runId: string): number | undefined {
  return connection.get<{ feed: number }>('SELECT feed FROM feeds WHERE run_id = ?', runId)?.feed
}
