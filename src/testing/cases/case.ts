/** A case as it is written. */
import type { Supports } from '../../plugin.ts'
import type { Bench } from '../bench.ts'

export interface CaseDefinition {
  readonly name: string
  readonly clause: string
  readonly requires?: readonly (keyof Supports)[]
  /** It puts hooks or plugins of its own into the loop. */
  readonly inProcess?: boolean
  run(bench: Bench): Promise<void>
}
