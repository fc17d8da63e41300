/** What steps gave, where that is large: it is in rows. */
import type { StepRecord } from '../../index.ts'
import { HoldfastError } from '../../index.ts'
import { Recent } from './recent.ts'
import type { RunRows } from './run-rows.ts'

/** Those that were read last: each may be large. */
const records = new Recent<StepRecord>(50)

/** @throws `ENGINE_UNAVAILABLE` */
export async function readRecord(rows: RunRows, key: string, pages: number): Promise<StepRecord> {
  const known = records.get(key)
  if (known) return known
  const text = await rows.getText(key, pages)
  if (text === undefined) {
    throw new HoldfastError({
      code: 'ENGINE_UNAVAILABLE',
      kind: 'retryable',
      message: `what a step gave is not in the state store (${key}). Do all workers use the same store?`,
    })
  }
  const record = JSON.parse(text) as StepRecord
  records.set(key, record)
  return record
}
