/**
 * This process as the owner of runs. What says that it is alive is a lock that the operating system holds: no process id
 * (each container has a process 1) and no lease (a killed run is taken up at once).
 */
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isBusy, journalError } from './errors.ts'

export interface Owner {
  readonly id: string
  release(): void
}

/**
 * Take a lock of this process's own: a side file, `<journal>.owner-<id>`. The files of the dead are removed on the way.
 *
 * Call it in a write transaction of the journal: it keeps a file from being taken for a dead one between its making and
 * its lock.
 */
export function becomeOwner(journal: string): Owner {
  const prefix = `${basename(journal)}.owner-`
  for (const name of readdirSync(dirname(journal))) {
    if (name.startsWith(prefix)) isOwnerAlive(journal, name.slice(prefix.length))
  }
  const id = randomUUID()
  const path = fileOf(journal, id)
  let lock: DatabaseSync
  try {
    lock = new DatabaseSync(path)
    // Nothing is ever written to it, and no journal of its own is left behind.
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    throw journalError(error, path)
  }
  return {
    id,
    release() {
      lock.close()
      rmSync(path, { force: true })
    },
  }
}

/** Whether the process that has the lock lives. The side file of a dead one is removed. */
export function isOwnerAlive(journal: string, id: string): boolean {
  const path = fileOf(journal, id)
  if (!existsSync(path)) return false
  let probe: DatabaseSync | undefined
  try {
    // A reader's lock: two who look at the same time do not take each other for the owner.
    probe = new DatabaseSync(path, { readOnly: true })
    probe.prepare('SELECT count(*) FROM sqlite_schema').get()
  } catch (error) {
    if (isBusy(error)) return true
    // It was removed meanwhile; or it is there and can't be read: then nobody can say that its owner is dead.
    return existsSync(path)
  } finally {
    probe?.close()
  }
  rmSync(path, { force: true })
  return false
}

function fileOf(journal: string, id: string): string {
  return join(dirname(journal), `${basename(journal)}.owner-${id}`)
}
