/**
 * Streams: what a step says while it runs. They are published from inside the step, never through an engine's history,
 * and each real execution has a nonce of its own, since an engine may repeat an attempt's number.
 */
import type { Json } from './json.ts'

export type StreamChunk = StreamPosition &
  (
    | { readonly type: 'start' }
    | { readonly type: 'text' | 'reasoning'; readonly delta: string }
    | { readonly type: 'tool-input'; readonly toolCallId: string; readonly toolName: string; readonly delta: string }
    /** What a tool said through `context.progress()`. */
    | { readonly type: 'progress'; readonly data: Json }
    /** The execution ended: nothing more comes with this nonce. */
    | { readonly type: 'end' }
    /** The execution died and the step runs again: take back what came with this nonce. */
    | { readonly type: 'superseded' }
  )

export interface StreamPosition {
  readonly runId: string
  readonly stepId: string
  /** One real execution of the step. */
  readonly nonce: string
  /** 0, 1, …: the chunk's place within its execution. */
  readonly offset: number
  /** Set by a sink when it is read: where to go on from. Opaque. */
  readonly cursor?: string
}

/** Where chunks go and are read from. */
export interface StreamSink {
  /** Keeps the order; resolves when the chunks are taken: readers see them soon after. Publishing a chunk twice keeps one. */
  publish(chunks: readonly StreamChunk[]): Promise<void>
  /** From the cursor (or the start) on; ends when the run ends or `signal` aborts. */
  read(runId: string, cursor?: string, signal?: AbortSignal): AsyncIterable<StreamChunk>
  /** No more chunks will come for the run: readers end. */
  close?(runId: string): Promise<void>
}

/** Content-addressed bytes: what is too large for a record. */
export interface PayloadStore {
  put(bytes: Uint8Array): Promise<string>
  /** @throws `JOURNAL_CORRUPT` if the reference is not known */
  get(ref: string): Promise<Uint8Array>
}
