/** What happened with each execution of a step, over all the lives of a run. */
import type { Json } from '../json.ts'
import type { StepPolicy } from '../step.ts'
import type { StepFact } from './crash-points.ts'

export interface ExecutionLog {
  readonly step: string
  stepId: string
  effect: StepPolicy['effect']
  readonly starts: { readonly life: number; readonly attempt: number; readonly idempotencyKey: string }[]
  readonly outputs: Json[]
  /** The first life in which the loop had its record. */
  recorded?: number
}

export class StepLog {
  readonly executions: Map<string, ExecutionLog> = new Map()

  add(fact: StepFact, life: number): void {
    const log = this.#logOf(fact.step)
    switch (fact.type) {
      case 'planned':
        log.effect = fact.effect
        break
      case 'started': {
        const { attempt, idempotencyKey, stepId } = fact
        log.stepId = stepId
        log.starts.push({ life, attempt, idempotencyKey })
        break
      }
      case 'finished':
        log.outputs.push(fact.output)
        break
      case 'recorded':
        log.recorded ??= life
    }
  }

  /** All executions of a step. */
  of(stepId: string): ExecutionLog[] {
    return [...this.executions.values()].filter((log) => log.stepId === stepId)
  }

  /** How often the work of a step was begun, whichever execution and attempt. */
  starts(stepId: string): number {
    return this.of(stepId).reduce((sum, { starts }) => sum + starts.length, 0)
  }

  #logOf(step: string): ExecutionLog {
    const known = this.executions.get(step)
    if (known) return known
    const log: ExecutionLog = { step, stepId: step.replace(/#\d+$/, ''), effect: 'repeatable', starts: [], outputs: [] }
    this.executions.set(step, log)
    return log
  }
}
