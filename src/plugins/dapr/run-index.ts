/** Which runs there are: Dapr itself does not tell. Pages of run ids, in a few parts, so that a start and a deletion cost the same however many there are. */
import type { RunRow, RunTomb } from './protocol.ts'
import { indexKey, instanceId, runKey } from './protocol.ts'
import type { Store } from './store.ts'

const PARTS = 8
/** Ids of a page. */
const PAGE = 100
/**
 * Seconds for which it is kept that a run of an id was deleted. For a minute Dapr takes the activities of a workflow with the
 * same instance id for those of the old one.
 */
const TOMB = 600

interface Head {
  /** The last page. */
  readonly page: number
}

interface Page {
  readonly ids: readonly string[]
}

/** Adds the row of a run, and gives it as it is then: the one that is there already, where there is one. */
export async function addRun(store: Store, runId: string, row: RunRow): Promise<RunRow> {
  for (;;) {
    const { value: known, etag } = await store.getWithTag<RunRow | RunTomb>(runKey(runId))
    if (known && 'start' in known) return known
    const generation = known?.generation ?? 0
    const page = await enter(store, runId)
    const mine: RunRow = { ...row, page, generation, instance: instanceId(runId, generation) }
    if (await store.replace(runKey(runId), mine, etag)) return mine
    // Somebody else was first.
    await leave(store, runId, page)
  }
}

/** Rows of all runs; newest first in each part. */
export async function* allRuns(store: Store): AsyncGenerator<{ readonly runId: string; readonly row: RunRow }> {
  for (let part = 0; part < PARTS; part++) {
    const seen = new Set<string>()
    for (let page = (await store.get<Head>(indexKey(part)))?.page ?? 0; page >= 0; page--) {
      const { ids } = (await store.get<Page>(indexKey(part, page))) ?? { ids: [] }
      for (const runId of [...ids].reverse()) {
        if (seen.has(runId)) continue
        seen.add(runId)
        const row = await store.get<RunRow | RunTomb>(runKey(runId))
        if (row && 'start' in row) yield { runId, row }
      }
    }
  }
}

export async function removeRun(store: Store, runId: string, { generation, page }: RunRow): Promise<void> {
  const tomb: RunTomb = { generation: generation + 1 }
  await store.putFor(TOMB, runKey(runId), tomb)
  await leave(store, runId, page)
}

async function enter(store: Store, runId: string): Promise<number> {
  const part = partOf(runId)
  for (;;) {
    const head = await store.getWithTag<Head>(indexKey(part))
    const page = head.value?.page ?? 0
    const list = await store.getWithTag<Page>(indexKey(part, page))
    const ids = list.value?.ids ?? []
    if (ids.length >= PAGE) await store.replace(indexKey(part), { page: page + 1 }, head.etag)
    else if (await store.replace(indexKey(part, page), { ids: [...ids, runId] }, list.etag)) return page
  }
}

async function leave(store: Store, runId: string, page: number): Promise<void> {
  const key = indexKey(partOf(runId), page)
  for (;;) {
    const { value, etag } = await store.getWithTag<Page>(key)
    const at = value?.ids.indexOf(runId) ?? -1
    if (!value || at < 0) return
    const ids = value.ids.toSpliced(at, 1)
    if (await (ids.length > 0 ? store.replace(key, { ids }, etag) : store.deleteUnchanged(key, etag))) return
  }
}

function partOf(runId: string): number {
  let sum = 0
  for (let at = 0; at < runId.length; at++) sum = (sum * 31 + runId.charCodeAt(at)) % 65_521
  return sum % PARTS
}
