/** All faulty plugins. */
import type { FaultyEngine } from './faulty.ts'
import { blursErrors, decodes, dropsErrors, retriesAll } from './records.ts'
import { forgetful, forgetsTheLast, loses, mixesRuns, relabels } from './replay.ts'

export const FAULTY_ENGINES: readonly FaultyEngine[] = [
  forgetful,
  forgetsTheLast,
  loses,
  mixesRuns,
  relabels,
  decodes,
  dropsErrors,
  retriesAll,
  blursErrors,
]
