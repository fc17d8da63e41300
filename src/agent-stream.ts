/** A run, told as it happens, in this process. */
import type { RunState } from './machine.ts'
import type { AgentEvent } from './observe.ts'
import { resultOf } from './result.ts'
import type { RunResult } from './run.ts'
import type { StreamChunk } from './stream.ts'

/** A chunk of what a step says while it runs, or an event of the run; of a run that is taken up, the replayed ones too. */
export type AgentStreamEvent = StreamChunk | AgentEvent

export interface AgentStream extends AsyncIterable<AgentStreamEvent> {
  /** As `run()` gives it. Leaving the iteration early does not stop the run. */
  readonly result: Promise<RunResult>
}

interface Listen {
  readonly onChunk: (chunk: StreamChunk) => void
  readonly onEvent: (event: AgentEvent) => void
}

/** Start a run; what it says is kept until it is read. */
export function streamRun(start: (listen: Listen) => Promise<RunState>): AgentStream {
  const events: AgentStreamEvent[] = []
  const readers = new Set<() => void>()
  let ended = false
  const wake = (): void => {
    for (const reader of readers) reader()
    readers.clear()
  }
  const push = (event: AgentStreamEvent): void => {
    events.push(event)
    wake()
  }
  const result = start({ onChunk: push, onEvent: push })
    .then(resultOf)
    .finally(() => {
      ended = true
      wake()
    })
  // Whoever iterates sees the failure there; it must not count as unhandled as well.
  result.catch(() => {})
  return {
    result,
    async *[Symbol.asyncIterator]() {
      for (;;) {
        yield* events.splice(0)
        if (events.length > 0) continue
        if (ended) break
        await new Promise<void>((resolve) => readers.add(resolve))
      }
      await result
    },
  }
}
