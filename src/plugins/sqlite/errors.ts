/** What SQLite says, as errors that say what to do. None of them has changed a byte of the journal. */
import type { ErrorCode, ErrorKind } from '../../errors.ts'
import { HoldfastError, isHoldfastError } from '../../errors.ts'

/** Primary result codes of SQLite; https://sqlite.org/rescode.html */
const BUSY = 5
const LOCKED = 6
const READONLY = 8
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const TOOBIG = 18
const NOTADB = 26
/** The shared memory beside the journal could not grow. */
const IOERR_SHMSIZE = 4874

type Meaning = readonly [code: ErrorCode, kind: ErrorKind, advice: string]

const MEANINGS: { readonly [code: number]: Meaning } = {
  [BUSY]: ['ENGINE_UNAVAILABLE', 'retryable', 'other processes kept it locked for too long; try again'],
  [LOCKED]: ['ENGINE_UNAVAILABLE', 'retryable', 'this process kept it locked; try again'],
  [READONLY]: ['JOURNAL_UNUSABLE', 'terminal', 'it is read-only; make the file and its directory writable'],
  [CORRUPT]: [
    'JOURNAL_CORRUPT',
    'terminal',
    'it is damaged; put it aside and restore a backup, or salvage it with `sqlite3 … .recover`',
  ],
  [FULL]: [
    'JOURNAL_FULL',
    'retryable',
    'the disk is full; make room and run it again, nothing that was recorded is lost',
  ],
  [IOERR_SHMSIZE]: [
    'JOURNAL_FULL',
    'retryable',
    'the disk is full; make room and run it again, nothing that was recorded is lost',
  ],
  [CANTOPEN]: ['JOURNAL_UNUSABLE', 'terminal', 'it cannot be opened; its directory must exist and be writable'],
  [TOOBIG]: [
    'PAYLOAD_TOO_LARGE',
    'terminal',
    'a record is larger than SQLite takes; put large results into a payload store or a file',
  ],
  [NOTADB]: ['JOURNAL_CORRUPT', 'terminal', 'it is not a database; give another path, the file was left as it is'],
}

const OTHER: Meaning = ['JOURNAL_UNUSABLE', 'terminal', 'see the cause']

/** An error of SQLite as ours; ours as it is. */
export function journalError(error: unknown, path: string): unknown {
  if (isHoldfastError(error)) return error
  const { errcode: number, code: name } = (error ?? {}) as { errcode?: unknown; code?: unknown }
  if (name === 'ERR_INVALID_STATE') return closed(path, error)
  if (typeof number !== 'number') return error
  const [code, kind, advice] = MEANINGS[number] ?? MEANINGS[number & 0xff] ?? OTHER
  const said = (error as Error).message
  return new HoldfastError({
    code,
    kind,
    message: `journal ${path}: ${advice} (SQLite says: ${said}).`,
    details: { path, sqlite: number },
    cause: error,
  })
}

function closed(path: string, cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'ENGINE_UNAVAILABLE',
    kind: 'retryable',
    message: `journal ${path} was closed (dispose() of its plugin, or close() of its runs) while it was in use.`,
    details: { path },
    cause,
  })
}

/** Whether SQLite found the database locked by others. */
export function isBusy(error: unknown): boolean {
  const number = (error as { errcode?: unknown } | null)?.errcode
  return typeof number === 'number' && (number & 0xff) === BUSY
}

export function unusable(path: string, why: string): HoldfastError {
  return new HoldfastError({ code: 'JOURNAL_UNUSABLE', message: `journal ${path}: ${why}.`, details: { path } })
}

export function corrupt(path: string, what: string, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'JOURNAL_CORRUPT',
    message: `journal ${path}: ${what}. Restore a backup; nothing was changed.`,
    details: { path },
    ...(cause !== undefined && { cause }),
  })
}

export function locked(runId: string, why: string): HoldfastError {
  return new HoldfastError({
    code: 'RUN_LOCKED',
    message: `run '${runId}' ${why}. Wait for its result with sqliteRuns(…).get(runId).result(), or end its owner.`,
    details: { runId },
  })
}

export function parked(runId: string, takeovers: number): HoldfastError {
  return new HoldfastError({
    code: 'RUN_PARKED',
    message:
      `run '${runId}' was taken up ${takeovers} times, and each time its process ended before it got any further. ` +
      'Find out why, then let it go on with sqliteRuns(…).unpark(runId).',
    details: { runId, takeovers },
  })
}

export function notFound(runId: string, path: string): HoldfastError {
  return new HoldfastError({
    code: 'RUN_NOT_FOUND',
    message: `journal ${path} has no run '${runId}'. Start it, or look into the journal that it is in.`,
    details: { runId, path },
  })
}
