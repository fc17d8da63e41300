import { setTimeout } from 'node:timers/promises'
import type { Backend } from 'openworkflow/internal'
import { BackendSqlite } from 'openworkflow/sqlite'

/** What SQLite says while another process writes. */
const BUSY = 5

/**
 * The backend on a database that several processes write. openworkflow gives its connection no time to wait for another's
 * write, and has no option for it: a step would be done, and its record lost.
 */
export function connectBackend(path: string): Backend {
  return new Proxy<Backend>(BackendSqlite.connect(path), {
    get: (backend, name: keyof Backend) => async (params: never) => {
      for (;;) {
        try {
          return await backend[name](params)
        } catch (error) {
          if ((error as { readonly errcode?: number }).errcode !== BUSY) throw error
        }
        await setTimeout(1 + 9 * Math.random())
      }
    },
  })
}
