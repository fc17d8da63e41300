/** The rows of runs, as those outside of a run read and change them. */
import type { OpenWait, RunStatus, RunStatusName, RunSummary, WaitInput } from '../../index.ts'
import { isFinal, readError } from './claim.ts'
import { notFound } from './errors.ts'
import type { Journal } from './journal.ts'
import { keysOf, PLACES } from './keys.ts'
import { parseStored } from './stored.ts'
import { deleteFeed } from './streams.ts'

export interface FoundRun {
  readonly no: number
  readonly agent: string
  readonly status: RunStatusName
  readonly owner: string | null
  readonly error: string | null
}

/** A run that somebody has, and that waits for a person, says so. (One damaged wait must not hide all other runs.) */
const STATUS = `CASE WHEN status = 'running' AND EXISTS (
  SELECT 1 FROM waits WHERE waits.no = runs.no AND answer IS NULL AND CASE WHEN json_valid(input) THEN input ->> 'type' <> 'timer' ELSE 1 END
) THEN 'waiting' ELSE status END`

/** @throws `RUN_NOT_FOUND` */
export function findRun(journal: Journal, runId: string): FoundRun {
  const found = lookUpRun(journal, runId)
  if (found) return found
  throw notFound(runId, journal.path)
}

export function lookUpRun({ strict }: Journal, runId: string): FoundRun | undefined {
  return strict.get<FoundRun>(`SELECT no, agent, ${STATUS} AS status, owner, error FROM runs WHERE run_id = ?`, runId)
}

export function statusOf(journal: Journal, runId: string): RunStatus {
  const { no, agent, status, error } = findRun(journal, runId)
  const waits = isFinal(status) ? [] : openWaits(journal, runId, no)
  return { runId, agent, status, waits, ...(error !== null && { error: readError(journal.path, runId, error) }) }
}

function openWaits({ strict, path }: Journal, runId: string, no: number): OpenWait[] {
  return strict
    .all<{ id: string; input: string }>(
      'SELECT id, input FROM waits WHERE no = ? AND answer IS NULL ORDER BY opened_at, id',
      no,
    )
    .map(({ id, input }) => ({ id, input: parseStored<WaitInput>(input, path, `wait ${id} of run '${runId}'`) }))
    .filter(({ input }) => input.type !== 'timer')
}

/** Recorded for whoever has the run, or takes it up. The first reason counts. */
export function requestCancel(journal: Journal, runId: string, reason: string | undefined): FoundRun {
  const run = findRun(journal, runId)
  if (isFinal(run.status)) return run
  // Ended at once when it is taken up, a parked run can do no harm any more.
  journal.strict.run(
    `UPDATE runs SET cancel = coalesce(cancel, ?), ready = 1, takeovers = 0,
     status = CASE status WHEN 'parked' THEN 'running' ELSE status END WHERE no = ?`,
    JSON.stringify(reason === undefined ? {} : { reason }),
    run.no,
  )
  journal.changes.notify()
  return run
}

export function unparkRun(journal: Journal, runId: string): void {
  const { no } = findRun(journal, runId)
  journal.strict.run(
    "UPDATE runs SET status = 'running', takeovers = 0, error = NULL, updated_at = ? WHERE no = ? AND status = 'parked'",
    Date.now(),
    no,
  )
  journal.changes.notify()
}

/** All of a run; gives false where somebody has it. The last run to go takes the payloads along. */
export function deleteRow(journal: Journal, runId: string): boolean {
  const { strict } = journal
  journal.chunks.flush()
  const isGone = strict.transaction(() => {
    const run = lookUpRun(journal, runId)
    if (run && journal.isOwned(runId, run.owner)) return false
    deleteFeed(strict, runId)
    if (!run) return true
    strict.run('DELETE FROM records WHERE key BETWEEN ? AND ?', ...keysOf(run.no))
    for (const table of ['waits', 'inputs', 'results', 'runs']) strict.run(`DELETE FROM ${table} WHERE no = ?`, run.no)
    if (!strict.get('SELECT 1 FROM runs LIMIT 1')) strict.run('DELETE FROM payloads')
    return true
  })
  journal.changes.notify()
  return isGone
}

interface SummaryRow {
  readonly no: number
  readonly run_id: string
  readonly agent: string
  readonly status: RunStatusName
  readonly created_at: number
  readonly updated_at: number
}

export interface RunFilter {
  readonly status?: RunStatusName
  readonly agent?: string
}

const PAGE = 100

/** Newest first. */
export async function* listRows(journal: Journal, { status, agent }: RunFilter): AsyncGenerator<RunSummary> {
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const rows = journal.strict.all<SummaryRow>(
      `SELECT no, run_id, agent, status, created_at, max(updated_at, coalesce(recorded_at, 0)) AS updated_at FROM (
         SELECT no, run_id, agent, ${STATUS} AS status, created_at, updated_at,
           (SELECT at FROM records WHERE key BETWEEN no * ${PLACES} AND no * ${PLACES} + ${PLACES - 1} ORDER BY key DESC LIMIT 1) AS recorded_at
         FROM runs WHERE no < ? AND (?2 IS NULL OR agent = ?2)
       ) WHERE ?3 IS NULL OR status = ?3 ORDER BY no DESC LIMIT ${PAGE}`,
      before,
      agent ?? null,
      status ?? null,
    )
    for (const row of rows) {
      const { run_id: runId, created_at, updated_at } = row
      yield {
        runId,
        agent: row.agent,
        status: row.status,
        createdAt: new Date(created_at),
        updatedAt: new Date(updated_at),
      }
    }
    const last = rows.at(-1)
    if (!last || rows.length < PAGE) return
    before = last.no
  }
}
