/** All cases, in the order in which a plugin's author wants to meet them. */
import type { CaseDefinition } from './case.ts'
import { answers } from './answers.ts'
import { blocking } from './blocking.ts'
import { cancel } from './cancel.ts'
import { codec } from './codec.ts'
import { crash } from './crash.ts'
import { disposal } from './disposal.ts'
import { divergence } from './divergence.ts'
import { errors } from './errors.ts'
import { long } from './long.ts'
import { middleware } from './middleware.ts'
import { observers } from './observers.ts'
import { once } from './once.ts'
import { order } from './order.ts'
import { owners } from './owners.ts'
import { pinned } from './pinned.ts'
import { records } from './records.ts'
import { replay } from './replay.ts'
import { streams } from './streams.ts'
import { subAgents } from './sub-agents.ts'
import { timers } from './timers.ts'
import { waits } from './waits.ts'

export const CASES: readonly CaseDefinition[] = [
  ...replay,
  ...order,
  ...codec,
  ...errors,
  ...waits,
  ...answers,
  ...blocking,
  ...timers,
  ...cancel,
  ...subAgents,
  ...once,
  ...records,
  ...streams,
  ...divergence,
  ...pinned,
  ...middleware,
  ...observers,
  ...owners,
  ...disposal,
  ...long,
  ...crash,
]
