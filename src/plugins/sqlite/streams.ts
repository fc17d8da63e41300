/**
 * The streams of all runs of a journal: what is published in one process is read in any. A power cut may take the last
 * chunks (nobody waits for a disk to see a token); what a finished step said is in its record all the same.
 */
import type { RunStatusName, StreamChunk, StreamSink } from '../../index.ts'
import { HoldfastError } from '../../index.ts'
import { isFinal } from './claim.ts'
import type { Connection } from './connection.ts'
import type { Body } from './feed.ts'
import { feedNumber } from './feed.ts'
import { keysOf } from './keys.ts'
import { parseStored } from './stored.ts'
import type { JournalUse } from './use-journal.ts'

/** Rows that are read at a time. */
const PAGE = 100

export function streamsOf(use: JournalUse): StreamSink {
  return {
    /** Readers of this process see them from now on, others when they are committed: with the next record, or in 10 ms. */
    async publish(chunks) {
      use.get().chunks.add(chunks)
    },
    read: (runId, cursor, signal) => readChunks(use, runId, cursor, signal),
    async close(runId) {
      const { chunks, loose, changes } = use.get()
      chunks.flush()
      loose.run('INSERT INTO feeds (run_id, closed) VALUES (?, 1) ON CONFLICT DO UPDATE SET closed = 1', runId)
      changes.notify('streams')
    },
  }
}

interface ChunkRow {
  /** Of its last chunk. */
  readonly key: number
  readonly step: string
  readonly nonce: string
  readonly first: number
  readonly length: number
  readonly bodies: string
}

async function* readChunks(
  use: JournalUse,
  runId: string,
  cursor: string | undefined,
  signal?: AbortSignal,
): AsyncGenerator<StreamChunk> {
  const { path, loose, changes, chunks } = use.get()
  let after = cursor
  while (!signal?.aborted) {
    chunks.flush()
    // Taken before anything is read: a reader may be slow, and nobody tells it of what came while it had a chunk.
    const told = changes.count
    // Looked at before the chunks: all that a run says is published before it ends.
    const hasEnded = isOver(loose, runId)
    const feed = feedNumber(loose, runId)
    const rows = feed === undefined ? [] : page(loose, feed, after)
    for (const row of rows) {
      for (const chunk of chunksOf(path, runId, row, after)) {
        if (signal?.aborted) return
        after = chunk.cursor
        yield chunk
      }
    }
    if (rows.length === PAGE) continue
    if (hasEnded) return
    await changes.next(signal, told)
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
    `SELECT key, step, nonce, first, length, bodies FROM chunks WHERE key > ? AND key <= ? ORDER BY key LIMIT ${PAGE}`,
    after,
    last,
  )
}

/** Those after the cursor: it may lie in the middle of a row. */
function chunksOf(path: string, runId: string, row: ChunkRow, after: string | undefined): StreamChunk[] {
  const { key, step, nonce, first, length } = row
  const bodies = parseStored<Body[]>(row.bodies, path, `what step ${step} of run '${runId}' said`)
  const chunks = bodies.map((body, index) => {
    const cursor = String(key - length + 1 + index)
    return { runId, stepId: step, nonce, offset: first + index, cursor, ...body } as StreamChunk
  })
  const seen = after === undefined ? 0 : Math.max(0, Number(after) - (key - length))
  return chunks.slice(seen)
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
  const feed = feedNumber(connection, runId)
  if (feed === undefined) return
  connection.run('DELETE FROM chunks WHERE key BETWEEN ? AND ?', ...keysOf(feed))
  connection.run('DELETE FROM feeds WHERE feed = ?', feed)
}
