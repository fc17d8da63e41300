/**
 * The streams of all runs of a journal: what is published in one process is read in any. A power cut may take the last
 * chunks (nobody waits for a disk to see a token); what a finished step said is in its record all the same.
 */
import type { StreamChunk, StreamSink } from '../../index.ts'
import { HoldfastError } from '../../index.ts'
import type { RunStatusName } from '../../index.ts'
import { isFinal } from './claim.ts'
import type { Connection } from './connection.ts'
import type { Journal } from './journal.ts'
import type { JournalUse } from './use-journal.ts'
import { keyOf, keysOf, placeOf } from './keys.ts'

/** Chunks that are read at a time. */
const PAGE = 500

type Body = Pick<StreamChunk, 'type'>

export function streamsOf(use: JournalUse): StreamSink {
  let pending: { readonly chunks: StreamChunk[]; readonly done: Promise<void> } | undefined
  return {
    publish(chunks) {
      if (pending) {
        pending.chunks.push(...chunks)
        return pending.done
      }
      const all = [...chunks]
      // One commit for all that is said in this turn of the event loop, by whatever run.
      const done = new Promise<void>((resolve, reject) => {
        setImmediate(() => {
          pending = undefined
          try {
            write(use.get(), all)
            resolve()
          } catch (error) {
            reject(error)
          }
        })
      })
      pending = { chunks: all, done }
      return done
    },
    read: (runId, cursor, signal) => readChunks(use, runId, cursor, signal),
    async close(runId) {
      const journal = use.get()
      journal.loose.transaction(() => {
        journal.loose.run('UPDATE feeds SET closed = 1 WHERE feed = ?', feedOf(journal.loose, runId))
      })
      journal.changes.notify()
    },
  }
}

function write(journal: Journal, chunks: readonly StreamChunk[]): void {
  const { loose } = journal
  loose.transaction(() => {
    for (const chunk of chunks) addChunk(loose, chunk)
  })
  journal.changes.notify()
}

function addChunk(connection: Connection, { runId, stepId, nonce, offset, cursor: _, ...body }: StreamChunk): void {
  const feed = feedOf(connection, runId)
  const { stream, ended } = streamOf(connection, feed, stepId, nonce)
  if (ended || !append(connection, feed, stream, offset, body)) return
  if (body.type === 'end' || body.type === 'superseded') endStream(connection, stream)
}

function feedOf(connection: Connection, runId: string): number {
  const known = connection.get<{ feed: number }>('SELECT feed FROM feeds WHERE run_id = ?', runId)
  return known?.feed ?? connection.insert('INSERT INTO feeds (run_id) VALUES (?)', runId)
}

/** One real execution of a step. A new one supersedes those of the step that have not ended: they died. */
function streamOf(
  connection: Connection,
  feed: number,
  step: string,
  nonce: string,
): { stream: number; ended: number } {
  const known = connection.get<{ stream: number; ended: number }>(
    'SELECT stream, ended FROM streams WHERE feed = ? AND step = ? AND nonce = ?',
    feed,
    step,
    nonce,
  )
  if (known) return known
  const dead = connection.all<{ stream: number; last: number | null }>(
    `SELECT stream, (SELECT max(place) FROM chunks WHERE chunks.stream = streams.stream) AS last
     FROM streams WHERE feed = ? AND step = ? AND ended = 0`,
    feed,
    step,
  )
  for (const { stream, last } of dead) {
    append(connection, feed, stream, (last ?? -1) + 1, { type: 'superseded' })
    endStream(connection, stream)
  }
  const stream = connection.insert('INSERT INTO streams (feed, step, nonce) VALUES (?, ?, ?)', feed, step, nonce)
  return { stream, ended: 0 }
}

function endStream(connection: Connection, stream: number): void {
  connection.run('UPDATE streams SET ended = 1 WHERE stream = ?', stream)
}

/** Gives whether it was new. */
function append(connection: Connection, feed: number, stream: number, offset: number, body: Body): boolean {
  const [first, end] = keysOf(feed)
  const last = connection.get<{ key: number | null }>(
    'SELECT max(key) AS key FROM chunks WHERE key BETWEEN ? AND ?',
    first,
    end,
  )
  const key = last?.key == null ? first : keyOf(feed, placeOf(last.key) + 1)
  const sql = 'INSERT OR IGNORE INTO chunks (key, stream, place, body) VALUES (?, ?, ?, ?)'
  return connection.run(sql, key, stream, offset, JSON.stringify(body)) > 0
}

interface ChunkRow {
  readonly key: number
  readonly step: string
  readonly nonce: string
  readonly place: number
  readonly body: string
}

async function* readChunks(
  use: JournalUse,
  runId: string,
  cursor: string | undefined,
  signal?: AbortSignal,
): AsyncGenerator<StreamChunk> {
  const journal = use.get()
  const { loose, changes } = journal
  let after = cursor
  while (!signal?.aborted) {
    // Looked at before the chunks: all that a run says is published before it ends.
    const hasEnded = isOver(loose, runId)
    const feed = loose.get<{ feed: number }>('SELECT feed FROM feeds WHERE run_id = ?', runId)?.feed
    const rows = feed === undefined ? [] : page(loose, feed, after)
    for (const { key, step, nonce, place, body } of rows) {
      if (signal?.aborted) return
      after = String(key)
      yield { runId, stepId: step, nonce, offset: place, cursor: after, ...(JSON.parse(body) as Body) } as StreamChunk
    }
    if (rows.length === PAGE) continue
    if (hasEnded) return
    await changes.next(signal)
  }
}

function page(connection: Connection, feed: number, cursor: string | undefined): ChunkRow[] {
  const [first, last] = keysOf(feed)
  const after = cursor === undefined ? first - 1 : Number(cursor)
  if (cursor !== undefined && !(after >= first && after <= last)) {
    throw new HoldfastError({
      code: 'CONFIG_INVALID',
      message: `'${cursor}' is no cursor of this run. Give the cursor of a chunk that was read from it, or none.`,
    })
  }
  return connection.all<ChunkRow>(
    `SELECT key, step, nonce, place, body FROM chunks JOIN streams USING (stream)
     WHERE key > ? AND key <= ? ORDER BY key LIMIT ${PAGE}`,
    after,
    last,
  )
}

function isOver(connection: Connection, runId: string): boolean {
  const row = connection.get<{ status: RunStatusName | null; closed: number | null }>(
    `SELECT (SELECT status FROM runs WHERE run_id = ?) AS status, (SELECT closed FROM feeds WHERE run_id = ?) AS closed`,
    runId,
    runId,
  )
  return row?.closed === 1 || (row?.status != null && isFinal(row.status))
}

/** In a transaction. */
export function deleteFeed(connection: Connection, runId: string): void {
  const feed = connection.get<{ feed: number }>('SELECT feed FROM feeds WHERE run_id = ?', runId)?.feed
  if (feed === undefined) return
  connection.run('DELETE FROM chunks WHERE key BETWEEN ? AND ?', ...keysOf(feed))
  connection.run('DELETE FROM streams WHERE feed = ?', feed)
  connection.run('DELETE FROM feeds WHERE feed = ?', feed)
}
