/** The end of a run's stream. */
import type { StreamChunk, StreamSink } from '../../index.ts'

/**
 * Milliseconds from the end of a run until its readers are told. What was said was published before the run's end, but by
 * another process, and a sink may take a moment to show it to all.
 */
const SETTLE = 100

export async function closeStream(streams: StreamSink | undefined, runId: string): Promise<void> {
  if (!streams?.close) return
  await new Promise((resolve) => setTimeout(resolve, SETTLE))
  try {
    await streams.close(runId)
  } catch {
    // Only the live view: the run has its result.
  }
}

/** All that comes; once `unknown` aborts, what the sink has: this reader ends when it gave nothing for a while. */
export async function* readWhatIsThere(
  read: (signal: AbortSignal) => AsyncIterable<StreamChunk>,
  unknown: AbortSignal,
  given: AbortSignal | undefined,
): AsyncGenerator<StreamChunk> {
  const idle = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  let waits = false
  const look = (): void => {
    clearTimeout(timer)
    if (waits && unknown.aborted) timer = setTimeout(() => idle.abort(), SETTLE)
  }
  const waitsNow = (now: boolean): void => {
    waits = now
    look()
  }
  unknown.addEventListener('abort', look, { once: true })
  try {
    waitsNow(true)
    for await (const chunk of read(given ? AbortSignal.any([given, idle.signal]) : idle.signal)) {
      // A reader that takes its time with a chunk is no sink that has nothing.
      waitsNow(false)
      yield chunk
      waitsNow(true)
    }
  } finally {
    waitsNow(false)
  }
}
