/** Holds a run that this deploy can't go on with: the service has no status for it, but steps that are tried again. */
import type {
  DurableExecutionConfig,
  DurableExecutionInvocationOutput,
  DurableLambdaHandler,
} from '@aws/durable-execution-sdk-js'
import { withDurableExecution } from '@aws/durable-execution-sdk-js'
import type { HoldfastError } from '../../index.ts'
import { AgentRunFailure } from './failures.ts'
import { HELD } from './protocol.ts'
import { openTransport } from './transport.ts'

/** Seconds between tries, at the most. */
const LONGEST = 300

/**
 * A step beside the run, which fails and is to be tried again: each time the run is replayed first, and only where that
 * can't go on either the step fails once more. What is recorded of the run is untouched.
 *
 * Gives what the invocation ends with. Nothing, where it recorded something else before and may record no more: another is to try.
 */
export async function holdRun(
  why: HoldfastError,
  event: Parameters<DurableLambdaHandler>[0],
  context: Parameters<DurableLambdaHandler>[1],
  durable: DurableExecutionConfig | undefined,
): Promise<DurableExecutionInvocationOutput | undefined> {
  const { config, close } = openTransport(durable)
  const handler = withDurableExecution<unknown, void>(async (_, durableContext) => {
    // The place of the run, below which its operations are.
    await durableContext.runInChildContext('run', async () => {}, { virtualContext: true })
    await durableContext.step(HELD, () => Promise.reject(new AgentRunFailure(why)), {
      retryStrategy: (_, attempt) => ({ shouldRetry: true, delay: { seconds: Math.min(2 ** attempt, LONGEST) } }),
    })
  }, config)
  try {
    const output = await handler(event, context)
    return output.Status === 'PENDING' ? output : undefined
  } catch {
    return undefined
  } finally {
    close()
  }
}
