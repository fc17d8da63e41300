/** The way of one invocation to the service, which ends with it. */
import type { DurableExecutionClient, DurableExecutionConfig } from '@aws/durable-execution-sdk-js'
import { DurableExecutionApiClient, DurableExecutionClientError } from '@aws/durable-execution-sdk-js'

export interface Transport {
  /** For `withDurableExecution`. */
  readonly config: DurableExecutionConfig
  /** The invocation is over: in a warm process its code may go on, and nothing that it sends leaves any more. */
  close(): void
}

/** What the service says to an invocation after another has taken over. */
const STALE = /^invalid checkpoint token/i

/**
 * An invocation that was overtaken fails alone, and not the execution with it. (The SDK means that too, and up to 2.4.0
 * looks for other capitals than the service writes.)
 */
export function openTransport(given: DurableExecutionConfig = {}): Transport {
  const { client, durableExecutionClient, ...rest } = given
  // The SDK refuses both.
  if (client && durableExecutionClient) return { config: given, close() {} }
  const inner = durableExecutionClient ?? new DurableExecutionApiClient(client)
  let isOpen = true
  const send = async <T>(request: () => Promise<T>): Promise<T> => {
    if (!isOpen) return new Promise(() => {})
    try {
      const answer = await request()
      return isOpen ? answer : await new Promise(() => {})
    } catch (error) {
      const { message } = error as Error
      throw STALE.test(message) ? new DurableExecutionClientError(message, { cause: error }) : error
    }
  }
  const own: DurableExecutionClient = {
    checkpoint: (params, logger) => send(() => inner.checkpoint(params, logger)),
    getExecutionState: (params, logger) => send(() => inner.getExecutionState(params, logger)),
  }
  return {
    config: { ...rest, durableExecutionClient: own },
    close() {
      isOpen = false
    },
  }
}
