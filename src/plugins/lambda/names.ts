/** Names of operations: the service takes 256 printable ASCII characters, and compares them on replay. */
import { digest } from '../../index.ts'

export function operationName(id: string): string {
  if (/^[ -~]{1,256}$/.test(id)) return id
  return `${id.replace(/[^ -~]/g, '?').slice(0, 200)}~${digest(id)}`
}
