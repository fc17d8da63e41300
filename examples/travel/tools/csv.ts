import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export type Row = { readonly [column: string]: string }

/** The rows of one of the example's own files: plain CSV, no quotes, the first line names the columns. */
export function readCsv(dataDir: string, file: string): Row[] {
  const [head = '', ...lines] = readFileSync(join(dataDir, file), 'utf8').trim().split(/\r?\n/)
  const columns = head.split(',')
  return lines.map((line) => {
    const values = line.split(',')
    return Object.fromEntries(columns.map((column, index) => [column, values[index] ?? '']))
  })
}
