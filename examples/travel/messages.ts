/** What a worker tells the process that started it. */
import type { WaitInput } from 'holdfast'
import type { Middle } from './tools/on-step.ts'

export type WorkerMessage =
  /** A tool is in its middle and stays there until it is told to go on. */
  | ({ readonly type: 'middle' } & Middle)
  | {
      readonly type: 'step'
      readonly event: 'started' | 'finished'
      readonly phase: 'live' | 'replay'
      readonly stepId: string
    }
  | { readonly type: 'wait'; readonly waitId: string; readonly input: WaitInput }
  | {
      readonly type: 'result'
      readonly status: string
      readonly text: string
      readonly turns: number
      /** References of the bookings that the conversation knows of. */
      readonly booked: readonly string[]
    }

export const GO_ON = 'go-on'
