/** Opens the file of a journal: checks that it is one before anything is written, then brings its tables up to date. */
import { isHoldfastError } from '../../errors.ts'
import { BUSY_TIMEOUT, Connection } from './connection.ts'
import { unusable } from './errors.ts'
import { MIGRATIONS } from './schema.ts'

/** `HOLD`: tells a journal from other SQLite databases. */
const APPLICATION_ID = 0x484f4c44

/**
 * A connection whose commits survive a power cut.
 * @throws `JOURNAL_CORRUPT`, `JOURNAL_UNUSABLE`, `JOURNAL_FULL`; the file is then as it was
 */
export function openDatabase(path: string, migrations: readonly string[] = MIGRATIONS): Connection {
  const connection = new Connection(path)
  try {
    patiently(() => {
      checkFile(connection, migrations.length)
      useWal(connection)
    })
    migrate(connection, migrations)
    // On macOS alone `fullfsync` says something: without it a commit there does not survive a power cut.
    connection.exec('PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA journal_size_limit = 67108864')
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

/** A second connection, whose commits survive the end of the process; a power cut may take the last ones. */
export function openLoose(path: string): Connection {
  const connection = new Connection(path)
  connection.exec('PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864')
  return connection
}

function checkFile(connection: Connection, latest: number): void {
  const { path } = connection
  // The mark last: where another process makes the journal right now, what has tables or a version has the mark, too.
  const tables = connection.get<{ n: number }>('SELECT count(*) AS n FROM sqlite_schema')?.n ?? 0
  const version = pragma(connection, 'user_version')
  const application = pragma(connection, 'application_id')
  if (application !== APPLICATION_ID) {
    if (tables === 0 && version === 0 && application === 0) return
    throw unusable(path, 'it is the database of another application; give a path of its own')
  }
  if (version > latest) {
    throw unusable(
      path,
      `its schema is version ${version}, written by a newer holdfast, and this one knows ${latest}; deploy the newer one, or give another path`,
    )
  }
}

function useWal(connection: Connection): void {
  const mode = connection.get<{ journal_mode: string }>('PRAGMA journal_mode = WAL')?.journal_mode
  if (mode !== 'wal') {
    throw unusable(connection.path, 'its file system has no shared memory, which SQLite needs; put it on a local disk')
  }
}

/**
 * SQLite does not wait for a lock where a reader would have to become the writer (two that waited would wait for each
 * other), and the change to WAL is such a case: of processes that open a new journal at once all but one are turned away.
 */
function patiently<T>(work: () => T): T {
  const end = Date.now() + BUSY_TIMEOUT
  for (;;) {
    try {
      return work()
    } catch (error) {
      if (!isHoldfastError(error, 'ENGINE_UNAVAILABLE') || Date.now() > end) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
    }
  }
}

function migrate(connection: Connection, migrations: readonly string[]): void {
  if (pragma(connection, 'user_version') === migrations.length) return
  connection.transaction(() => {
    // Another process may have been first.
    for (let version = pragma(connection, 'user_version'); version < migrations.length; version++) {
      connection.exec(migrations[version] as string)
    }
    connection.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length}`)
  })
}

function pragma(connection: Connection, name: 'application_id' | 'user_version'): number {
  return connection.get<Record<string, number>>(`PRAGMA ${name}`)?.[name] ?? 0
}
