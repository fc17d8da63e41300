/** Which runs there are: Dapr itself does not tell. Rows of runs, chained in a few parts, so that a start costs the same however many there are. */
import type { RunRow } from './protocol.ts'
import { indexKey, instanceId, runKey } from './protocol.ts'
import type { Store } from './store.ts'

const PARTS = 8

interface Head {
  readonly last: string
}

/**
 * Adds the row of a run, and gives it as it is then: the one that is there already, where there is one that is not deleted.
 * A deleted row keeps its place in the chain.
 */
export async function addRun(store: Store, runId: string, row: RunRow): Promise<RunRow> {
  for (;;) {
    const known = await store.getWithTag<RunRow>(runKey(runId))
    if (known.value && !known.value.deleted) return known.value
    if (known.value) {
      const generation = known.value.generation + 1
      const { before } = known.value
      const again: RunRow = {
        ...row,
        generation,
        instance: instanceId(runId, generation),
        ...(before !== undefined && { before }),
      }
      if (await store.replace(runKey(runId), again, known.etag)) return again
      continue
    }
    if (await link(store, runId, row)) return row
  }
}

async function link(store: Store, runId: string, row: RunRow): Promise<boolean> {
  const head = indexKey(partOf(runId))
  let etag: string | undefined
  for (let isThere = false; ; isThere = true) {
    const found = await store.getWithTag<Head>(head)
    const linked: RunRow = { ...row, ...(found.value && { before: found.value.last }) }
    if (isThere) {
      etag = (await store.getWithTag<RunRow>(runKey(runId))).etag
      if (!(await store.replace(runKey(runId), linked, etag))) continue
    } else if (!(await store.first(runKey(runId), linked))) return false
    if (await store.replace(head, { last: runId }, found.etag)) return true
  }
}

/** Rows of all runs that are not deleted; newest first in each part. */
export async function* allRuns(store: Store): AsyncGenerator<{ readonly runId: string; readonly row: RunRow }> {
  for (let part = 0; part < PARTS; part++) {
    const seen = new Set<string>()
    for (let at = (await store.get<Head>(indexKey(part)))?.last; at !== undefined && !seen.has(at); ) {
      seen.add(at)
      const row: RunRow | undefined = await store.get<RunRow>(runKey(at))
      if (row && !row.deleted) yield { runId: at, row }
      at = row?.before
    }
  }
}

export async function removeRun(store: Store, runId: string, row: RunRow): Promise<void> {
  await store.put(runKey(runId), { ...row, deleted: true })
}

function partOf(runId: string): number {
  let sum = 0
  for (let at = 0; at < runId.length; at++) sum = (sum * 31 + runId.charCodeAt(at)) % 65_521
  return sum % PARTS
}
