/** The journal of a path: one per process, however many plugins, runs and recoveries use it. */
import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { HoldfastError } from '../../errors.ts'
import { unusable } from './errors.ts'
import { Journal } from './journal.ts'

interface Shared {
  readonly journal: Journal
  users: number
}

const shared = new Map<string, Shared>()

/** A use of a journal: opened at the first look, closed when the last user lets go. */
export interface JournalUse {
  readonly path: string
  get(): Journal
  release(): void
}

export function useJournal(path: string): JournalUse {
  if (path === '' || path.startsWith(':memory:') || path.startsWith('file:')) {
    throw new HoldfastError({
      code: 'CONFIG_INVALID',
      message: `a journal needs the path of a file, not '${path}': other processes must find it.`,
    })
  }
  const absolute = resolve(path)
  let used: Shared | undefined
  return {
    path: absolute,
    get() {
      used ??= openShared(absolute)
      return used.journal
    },
    release() {
      if (!used) return
      used.users--
      if (used.users === 0) {
        shared.delete(used.journal.path)
        used.journal.close()
      }
      used = undefined
    },
  }
}

function openShared(path: string): Shared {
  const real = realPath(path)
  let found = shared.get(real)
  if (!found) {
    found = { journal: new Journal(real), users: 0 }
    shared.set(real, found)
  }
  found.users++
  return found
}

/** The file behind links: two names of one file are one journal. */
export function realPath(path: string): string {
  const absolute = resolve(path)
  if (existsSync(absolute)) return realpathSync(absolute)
  const directory = dirname(absolute)
  if (!existsSync(directory)) throw unusable(path, `its directory ${directory} does not exist; make it`)
  return join(realpathSync(directory), basename(absolute))
}
