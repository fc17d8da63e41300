/** The worker's side of the by-name engine: executes the steps that come over IPC with a registered agent. */
import type { Agent, Message } from 'holdfast'
import { executeStep, executionId } from 'holdfast'
import type { StepRequest } from './by-name-engine.ts'

export function serveSteps(agent: Agent): void {
  const asked = new Map<number, (messages: readonly Message[]) => void>()
  process.on('message', (message: StepRequest | { readonly id: number; readonly messages: readonly Message[] }) => {
    if ('messages' in message) asked.get(message.id)?.(message.messages)
    else void serve(message)
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.({ ready: true })

  async function serve({ id, step, info, attempt }: StepRequest): Promise<void> {
    process.send?.({ started: executionId(step), pid: process.pid })
    try {
      const record = await executeStep(agent, step, {
        ...info,
        attempt,
        retries: 'engine',
        messages: (base) =>
          base.length === 0
            ? []
            : new Promise((resolve) => {
                asked.set(id, resolve)
                process.send?.({ ask: id, base })
              }),
      })
      process.send?.({ id, record })
    } catch (error) {
      process.send?.({ id, failure: { message: (error as Error).message } })
    }
  }
}
