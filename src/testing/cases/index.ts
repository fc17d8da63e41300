/** All cases, in the order in which a plugin's author wants to meet them. */
import { cancel } from './cancel.ts'
import type { CaseDefinition } from './case.ts'
import { codec } from './codec.ts'
import { errors } from './errors.ts'
import { life } from './life.ts'
import { order } from './order.ts'
import { quiet } from './quiet.ts'
import { replay } from './replay.ts'
import { steps } from './steps.ts'
import { timers } from './timers.ts'
import { versions } from './versions.ts'
import { waits } from './waits.ts'

export const CASES: readonly CaseDefinition[] = [
  ...replay,
  ...order,
  ...codec,
  ...errors,
  ...waits,
  ...timers,
  ...cancel,
  ...steps,
  ...versions,
  ...quiet,
  ...life,
]
