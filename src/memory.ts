/** Stream sink and payload store in memory: for runs without an engine, and for tests. */
import { digest } from './digest.ts'
import { HoldfastError } from './errors.ts'
import { base64FromBytes } from './json.ts'
import type { PayloadStore, StreamChunk, StreamSink } from './stream.ts'

interface RunChunks {
  readonly chunks: StreamChunk[]
  readonly seen: Set<string>
  /** By step: the execution that is running, by its last chunk. */
  readonly open: Map<string, StreamChunk>
  readonly readers: Set<() => void>
  closed: boolean
}

/** Chunks of runs in this process, kept until the sink is let go. */
export function memoryStreams(): StreamSink {
  const runs = new Map<string, RunChunks>()
  const runOf = (runId: string): RunChunks => {
    let run = runs.get(runId)
    if (!run) {
      run = { chunks: [], seen: new Set(), open: new Map(), readers: new Set(), closed: false }
      runs.set(runId, run)
    }
    return run
  }
  const wake = (run: RunChunks): void => {
    for (const reader of [...run.readers]) reader()
  }
  return {
    async publish(chunks) {
      for (const chunk of chunks) add(runOf(chunk.runId), chunk)
      for (const runId of new Set(chunks.map((chunk) => chunk.runId))) wake(runOf(runId))
    },
    async *read(runId, cursor, signal) {
      const run = runOf(runId)
      for (let at = cursor === undefined ? 0 : Number(cursor) + 1; ; ) {
        for (; at < run.chunks.length; at++) {
          if (signal?.aborted) return
          yield { ...(run.chunks[at] as StreamChunk), cursor: String(at) }
        }
        if (run.closed || signal?.aborted) return
        await nextChange(run, signal)
      }
    },
    async close(runId) {
      const run = runOf(runId)
      run.closed = true
      wake(run)
    },
  }
}

function add(run: RunChunks, chunk: StreamChunk): void {
  const { stepId, nonce, offset, type } = chunk
  const key = `${stepId} ${nonce} ${offset}`
  if (run.seen.has(key)) return
  run.seen.add(key)
  const before = run.open.get(stepId)
  if (before && before.nonce !== nonce) {
    const { runId } = chunk
    run.chunks.push({ runId, stepId, nonce: before.nonce, offset: before.offset + 1, type: 'superseded' })
    run.open.delete(stepId)
  }
  run.chunks.push(chunk)
  if (type === 'end' || type === 'superseded') run.open.delete(stepId)
  else run.open.set(stepId, chunk)
}

function nextChange(run: RunChunks, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      run.readers.delete(done)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    run.readers.add(done)
    signal?.addEventListener('abort', done, { once: true })
  })
}

/** Bytes in this process, by their digest. */
export function memoryPayloads(): PayloadStore {
  const payloads = new Map<string, Uint8Array>()
  return {
    async put(bytes) {
      const ref = digest(base64FromBytes(bytes))
      payloads.set(ref, bytes.slice())
      return ref
    },
    async get(ref) {
      const bytes = payloads.get(ref)
      if (bytes) return bytes.slice()
      throw new HoldfastError({
        code: 'JOURNAL_CORRUPT',
        message: `payload ${ref} is not in this store. Give the agent the store that it was put into.`,
        details: { ref },
      })
    },
  }
}
