/** All cases, in the order in which a plugin's author wants to meet them. */
import type { CaseDefinition } from './case.ts'
import { codec } from './codec.ts'
import { errors } from './errors.ts'
import { replay } from './replay.ts'

export const CASES: readonly CaseDefinition[] = [...replay, ...codec, ...errors]
