/** The worker's side of the by-name engine: executes the steps that come over IPC with a registered agent. */
import type { Agent, Message } from 'holdfast'
import { executeStep, executionId } from 'holdfast'
import type { StepRequest } from './by-name-engine.ts'

type FromEngine = StepRequest | { readonly id: number; readonly messages: readonly Message[] } | { readonly go: number }

export function serveSteps(agent: Agent): void {
  const going = new Map<number, () => void>()
  const asked = new Map<number, (messages: readonly Message[]) => void>()
  process.on('message', (message: FromEngine) => {
    if ('go' in message) going.get(message.go)?.()
    else if ('messages' in message) asked.get(message.id)?.(message.messages)
    else void serve(message)
  })
  process.on('disconnect', () => process.exit(0))
  process.send?.({ ready: true })

  async function serve({ id, step, info, attempt }: StepRequest): Promise<void> {
    // The engine says go: a test that kills this process here kills it before the body.
    await new Promise<void>((resolve) => {
      going.set(id, resolve)
      process.send?.({ started: executionId(step), id })
    })
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
