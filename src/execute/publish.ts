/** Publishes what one attempt of a step says. Nothing waits for a sink but the attempt's end, so that no part is lost. */
import type { Json } from '../json.ts'
import type { StepDescriptor } from '../step.ts'
import type { StreamChunk, StreamSink } from '../stream.ts'

/** A chunk's own part: its position is the publisher's business. */
export type ChunkBody = StreamChunk extends infer C ? (C extends StreamChunk ? Omit<C, PositionKey> : never) : never
type PositionKey = 'runId' | 'stepId' | 'nonce' | 'offset' | 'cursor'

interface Outlets {
  readonly runId: string
  readonly streams?: StreamSink
  readonly onChunk?: (chunk: StreamChunk) => void
  readonly heartbeat?: (details?: Json) => void
}

export class StepPublisher {
  readonly #outlets: Outlets
  readonly #stepId: string
  readonly #nonce = Math.random().toString(36).slice(2, 12) + Math.random().toString(36).slice(2, 12)
  #offset = 0
  /** Work that was stopped may go on and talk: nobody hears it any more. */
  #ended = false
  #pending: StreamChunk[] = []
  #flushing: Promise<void> | undefined

  private constructor(stepId: string, outlets: Outlets) {
    this.#stepId = stepId
    this.#outlets = outlets
  }

  /** `undefined` where nobody listens. */
  static of(step: StepDescriptor, outlets: Outlets): StepPublisher | undefined {
    const heard = outlets.streams || outlets.onChunk || outlets.heartbeat
    return heard && step.kind !== 'task' ? new StepPublisher(step.id, outlets) : undefined
  }

  publish(body: ChunkBody): void {
    if (this.#ended) return
    if (this.#offset === 0 && body.type !== 'start') this.publish({ type: 'start' })
    const position = { runId: this.#outlets.runId, stepId: this.#stepId, nonce: this.#nonce, offset: this.#offset++ }
    const chunk: StreamChunk = { ...position, ...body }
    this.#outlets.onChunk?.(chunk)
    if (!this.#outlets.streams) return
    this.#pending.push(chunk)
    this.#flushing ??= this.#flush(this.#outlets.streams)
  }

  progress(data: Json): void {
    if (!this.#ended) this.#outlets.heartbeat?.(data)
    this.publish({ type: 'progress', data })
  }

  /** The attempt ended well. Resolves when the sink has taken all of it. */
  async end(): Promise<void> {
    await this.#close('end')
  }

  /** The attempt failed: readers take back what it said. */
  async fail(): Promise<void> {
    await this.#close('superseded')
  }

  async #close(type: 'end' | 'superseded'): Promise<void> {
    if (this.#offset > 0) this.publish({ type })
    this.#ended = true
    await this.#flushing
  }

  /** One at a time, in order; what comes meanwhile goes with the next. A sink that fails must not fail the step. */
  async #flush(sink: StreamSink): Promise<void> {
    await Promise.resolve()
    while (this.#pending.length > 0) {
      const chunks = this.#pending
      this.#pending = []
      try {
        await sink.publish(chunks)
      } catch {
        // The text is in the step's record all the same; only the live view has a gap.
      }
    }
    this.#flushing = undefined
  }
}
