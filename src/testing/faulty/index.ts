/** All faulty plugins. */
import type { FaultyEngine } from './faulty.ts'
import { anyOwner, disposesAll, disposesOnce, disposesOthers, noFence, shortMemory } from './life.ts'
import { byArrival, neverReplays, noScope, oneExecution, serial, worksOnReplay } from './order.ts'
import { blursErrors, decodes, dropsErrors, retriesAll } from './records.ts'
import { forgetful, forgetsTheLast, loses, mixesRuns, relabels } from './replay.ts'
import { flat, keepsText, notPinned, saysOnce, takesAll, takesLess } from './steps.ts'
import {
  anyAnswer,
  consumes,
  forgetsCancels,
  lastAnswerWins,
  neverBlocks,
  noSleep,
  notesCancels,
  noTimeout,
  oneWait,
  sleepsAnew,
  unbound,
  waitsInMemory,
} from './waits.ts'

export const FAULTY_ENGINES: readonly FaultyEngine[] = [
  forgetful,
  forgetsTheLast,
  loses,
  mixesRuns,
  relabels,
  serial,
  byArrival,
  noScope,
  oneExecution,
  decodes,
  dropsErrors,
  retriesAll,
  blursErrors,
  oneWait,
  anyAnswer,
  lastAnswerWins,
  waitsInMemory,
  noTimeout,
  unbound,
  neverBlocks,
  consumes,
  noSleep,
  sleepsAnew,
  notesCancels,
  forgetsCancels,
  flat,
  saysOnce,
  takesLess,
  takesAll,
  keepsText,
  notPinned,
  worksOnReplay,
  neverReplays,
  anyOwner,
  noFence,
  disposesAll,
  disposesOnce,
  disposesOthers,
  shortMemory,
]
