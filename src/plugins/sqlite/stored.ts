/** JSON out of a journal: written by us, so what is none is damage. */
import { corrupt } from './errors.ts'

/**
 * @param path the journal's
 * @param what it is, e.g. `the result of run 'trip-42'`
 * @throws `JOURNAL_CORRUPT`
 */
export function parseStored<T>(json: string | undefined, path: string, what: string): T {
  if (json === undefined) throw corrupt(path, `${what} is missing`)
  try {
    return JSON.parse(json) as T
  } catch (error) {
    throw corrupt(path, `${what} can't be read`, error)
  }
}
