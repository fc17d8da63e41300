/** What a reader of a stream has in the end, once it took back what was superseded. */
import type { StreamSink } from '../stream.ts'

/** A sink that is not closed when the run is over is read for so many milliseconds. */
const PATIENCE = 100

/** The texts of each step: one for each execution that was not taken back. */
export async function visibleText(sink: StreamSink, runId: string): Promise<{ readonly [stepId: string]: string[] }> {
  const steps = new Map<string, Map<string, string>>()
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(), PATIENCE)
  for await (const chunk of sink.read(runId, undefined, controller.signal)) {
    const texts = steps.get(chunk.stepId) ?? new Map<string, string>()
    steps.set(chunk.stepId, texts)
    if (chunk.type === 'superseded') texts.delete(chunk.nonce)
    else {
      const said = 'delta' in chunk ? chunk.delta : chunk.type === 'progress' ? JSON.stringify(chunk.data) : ''
      texts.set(chunk.nonce, (texts.get(chunk.nonce) ?? '') + said)
    }
  }
  clearTimeout(timer as Parameters<typeof clearTimeout>[0])
  const all = [...steps].map(([step, texts]): [string, string[]] => [step, [...texts.values()]])
  return Object.fromEntries(all.filter(([, texts]) => texts.length > 0))
}
