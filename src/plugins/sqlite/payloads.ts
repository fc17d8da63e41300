/** Large payloads in the journal's file, by the SHA-256 of their bytes. */
import { createHash } from 'node:crypto'
import type { PayloadStore } from '../../index.ts'
import { corrupt } from './errors.ts'
import type { JournalUse } from './use-journal.ts'

export function payloadsOf(use: JournalUse): PayloadStore {
  return {
    async put(bytes) {
      const ref = `sha256:${digestOf(bytes)}`
      // The record that names it is committed after it, so it is never lost before that.
      use.get().loose.run('INSERT OR IGNORE INTO payloads (ref, bytes) VALUES (?, ?)', ref, bytes)
      return ref
    },
    async get(ref) {
      const { loose, path } = use.get()
      const row = loose.get<{ bytes: Uint8Array }>('SELECT bytes FROM payloads WHERE ref = ?', ref)
      if (!row) throw corrupt(path, `payload ${ref} is not in it`)
      if (`sha256:${digestOf(row.bytes)}` !== ref) throw corrupt(path, `payload ${ref} is not what was put there`)
      return new Uint8Array(row.bytes)
    },
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
