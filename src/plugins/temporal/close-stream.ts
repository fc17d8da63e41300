/** The end of a run's stream. */
import type { StreamSink } from '../../index.ts'

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
