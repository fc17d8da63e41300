/** Taking a run up, and letting go of it. */
import type { ErrorJson } from '../../errors.ts'
import {
  errorFromJson,
  errorToJson,
  HoldfastError,
  isEngineFailure,
  isHoldfastError,
  isSuspended,
} from '../../errors.ts'
import type { Json } from '../../json.ts'
import { isPlainObject } from '../../json.ts'
import type { RunInfo, RunStatusName, StepDescriptor } from '../../index.ts'
import { fingerprint } from '../../index.ts'
import type { Connection } from './connection.ts'
import { locked, parked } from './errors.ts'
import type { Journal } from './journal.ts'
import { LiveRun } from './live-run.ts'
import { parseStored } from './stored.ts'

/** Taken up so often without getting any further, a run is left alone. */
const MAX_TAKEOVERS = 3

export type Claim = { readonly run: LiveRun } | { readonly result: Json }

interface RunRow {
  readonly no: number
  readonly agent: string
  readonly fingerprint: string
  readonly status: RunStatusName
  readonly owner: string | null
  readonly epoch: number
  readonly takeovers: number
  readonly cancel: string | null
  readonly error: string | null
}

/**
 * Become the run's owner, or be given the result that it has already.
 * @throws `RUN_CONFLICT`, `RUN_LOCKED`, `RUN_PARKED`, and what a run that failed had failed with
 */
export function claimRun(journal: Journal, step: StepDescriptor, info: RunInfo, strict: boolean): Claim {
  const { runId } = info
  const of = fingerprint(step)
  const connection = strict ? journal.strict : journal.loose
  let cancel = (): void => {}
  const claim = connection.transaction((): Claim | HoldfastError => {
    const row = connection.get<RunRow>(
      'SELECT no, agent, fingerprint, status, owner, epoch, takeovers, cancel, error FROM runs WHERE run_id = ?',
      runId,
    )
    if (!row) return { run: createRun(journal, connection, step, info, strict) }
    if (row.fingerprint !== of) throw conflict(runId, row.agent)
    if (isFinal(row.status)) return { result: readResult(journal, runId, row) }
    if (row.status === 'parked') throw parked(runId, row.takeovers)
    if (journal.live.has(runId)) throw locked(runId, 'is being run in this process')
    const { owner } = row
    const me = journal.ownerId()
    if (owner !== null && journal.isForeign(owner)) throw locked(runId, 'is being run by another process')
    const takeovers = owner !== null && owner !== me ? row.takeovers + 1 : row.takeovers
    if (takeovers > MAX_TAKEOVERS) return park(connection, row, runId)
    connection.run(
      "UPDATE runs SET owner = ?, epoch = epoch + 1, takeovers = ?, status = 'running', ready = 0, error = NULL, updated_at = ? WHERE no = ?",
      me,
      takeovers,
      Date.now(),
      row.no,
    )
    const run = new LiveRun(journal, { no: row.no, epoch: row.epoch + 1, takeovers }, info, strict)
    // Before the commit: a journal that can't be read must not be owned.
    run.load(connection)
    if (row.cancel !== null) cancel = run.cancelOf(row.cancel)
    return { run }
  })
  if (claim instanceof HoldfastError) throw claim
  if ('run' in claim) {
    claim.run.open()
    cancel()
  }
  return claim
}

function createRun(
  journal: Journal,
  connection: Connection,
  step: StepDescriptor,
  info: RunInfo,
  strict: boolean,
): LiveRun {
  const now = Date.now()
  const no = connection.insert(
    "INSERT INTO runs (run_id, agent, fingerprint, status, owner, epoch, created_at, updated_at) VALUES (?, ?, ?, 'running', ?, 1, ?, ?)",
    info.runId,
    step.name,
    fingerprint(step),
    journal.ownerId(),
    now,
    now,
  )
  connection.run('INSERT INTO inputs (no, input) VALUES (?, ?)', no, JSON.stringify(step.input))
  return new LiveRun(journal, { no, epoch: 1, takeovers: 0 }, info, strict)
}

function park(connection: Connection, { no, takeovers }: RunRow, runId: string): HoldfastError {
  const error = parked(runId, takeovers)
  connection.run(
    "UPDATE runs SET status = 'parked', owner = NULL, error = ?, updated_at = ? WHERE no = ?",
    JSON.stringify(errorToJson(error, 'RUN_PARKED')),
    Date.now(),
    no,
  )
  return error
}

export function isFinal(status: RunStatusName): boolean {
  return status === 'completed' || status === 'limit' || status === 'cancelled' || status === 'failed'
}

/** What a run has ended with. @throws what it failed with */
export function readResult(
  { strict, path }: Pick<Journal, 'strict' | 'path'>,
  runId: string,
  { no, error }: Pick<RunRow, 'no' | 'error'>,
): Json {
  if (error !== null) throw errorFromJson(readError(path, runId, error))
  const row = strict.get<{ result: string }>('SELECT result FROM results WHERE no = ?', no)
  return parseStored(row?.result, path, `the result of run '${runId}'`)
}

export function readError(path: string, runId: string, error: string): ErrorJson {
  return parseStored(error, path, `the error of run '${runId}'`)
}

/** The run has a result, or waits. What it said before is in the journal then, too: its readers end with it. */
export async function finishRun(run: LiveRun, result: { readonly status: RunStatusName }): Promise<void> {
  const { queue, working, changes } = run.journal
  const json = isFinal(result.status) ? JSON.stringify(result) : undefined
  const write = (connection: Connection): void => {
    if (!letGo(connection, run, result.status, null)) throw run.fenced()
    if (json !== undefined) connection.run('INSERT INTO results (no, result) VALUES (?, ?)', run.no, json)
  }
  await queue.add(write, { strict: true, when: working > 0 ? 'turn' : 'now', several: true })
  changes.notify()
}

/** The run was left by an error: whether it can go on after it, is blocked by it, or failed with it. */
export function leaveRun(run: LiveRun, error: unknown): void {
  const connection = run.journal.strict
  const isOwn = isHoldfastError(error) && isPlainObject(error.details) && error.details['runId'] === run.runId
  if (isOwn && error.code === 'RUN_LOCKED') return
  if (isOwn && error.code === 'RUN_CONFLICT') {
    connection.run('UPDATE runs SET owner = NULL WHERE no = ? AND epoch = ?', run.no, run.epoch)
    return
  }
  run.journal.chunks.flush()
  const status = statusAfter(error)
  const json = status === 'waiting' ? null : JSON.stringify(errorToJson(error, 'HOOK_FAILED'))
  if (!letGo(connection, run, status, json)) throw run.fenced().cause
  run.journal.changes.notify()
}

/** What a fix of the code or of the machine lets go on. */
const FIXABLE = new Set([
  'DIVERGED',
  'TOOL_UNKNOWN',
  'MODEL_UNKNOWN',
  'TASK_UNKNOWN',
  'NO_ENGINE_CONTEXT',
  'RUN_LOCKED',
])

function statusAfter(error: unknown): RunStatusName {
  if (isSuspended(error)) return 'waiting'
  if (isHoldfastError(error, 'CANCELLED')) return 'cancelled'
  // A step's own failure may be retryable too; but it is recorded, and would be the same for ever.
  if (!isEngineFailure(error)) return 'failed'
  const isFixable = error.kind === 'retryable' || FIXABLE.has(error.code) || error.code.startsWith('JOURNAL_')
  return isFixable ? 'blocked' : 'failed'
}

function letGo(connection: Connection, run: LiveRun, status: RunStatusName, error: string | null): boolean {
  const changed = connection.run(
    'UPDATE runs SET status = ?, error = ?, owner = NULL, updated_at = ? WHERE no = ? AND epoch = ?',
    status,
    error,
    Date.now(),
    run.no,
    run.epoch,
  )
  return changed > 0
}

function conflict(runId: string, agent: string): HoldfastError {
  return new HoldfastError({
    code: 'RUN_CONFLICT',
    message:
      `run '${runId}' is known with another input (of agent '${agent}'). ` +
      'Take another runId, or give the input that it was started with. The stored run was not touched.',
    details: { runId, agent },
  })
}
