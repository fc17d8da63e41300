/** Records that are too large for an engine. */
import type { StepDescriptor, StepRecord } from './step.ts'

/** Of what a tool gave, so many characters are kept for the model. */
const KEPT = 1_000

/**
 * What an engine that takes `limit` bytes of JSON stores in place of a record: the record itself where it fits.
 *
 * A tool that ran is no failure, whatever the size of what it gave: the model would have it run again. Its output is then
 * `{ ran: true, truncated, bytes }`, with the first 1,000 characters of its JSON and the bytes of the whole record. All else is a terminal `PAYLOAD_TOO_LARGE`.
 * @param advice what to do, behind a colon
 */
export function recordWithin(
  { kind, id }: StepDescriptor,
  record: StepRecord,
  limit: number,
  advice = 'give a reference in its place',
): StepRecord {
  const size = new TextEncoder().encode(JSON.stringify(record)).length
  if (size <= limit) return record
  const { of, output } = record
  if (kind === 'tool' && output !== undefined) {
    return { of, output: { ran: true, truncated: JSON.stringify(output).slice(0, KEPT), bytes: size } }
  }
  return {
    of,
    error: {
      code: 'PAYLOAD_TOO_LARGE',
      kind: 'terminal',
      message: `the record of step ${id} has ${size} bytes of JSON, and ${limit} are taken: ${advice}.`,
      details: { step: id, size, limit },
    },
  }
}
