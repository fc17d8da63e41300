/** The ready-made handler of a durable function: takes what `lambdaRuns(…).start()` sends. */
import type { DurableExecutionConfig, DurableLambdaHandler } from '@aws/durable-execution-sdk-js'
import { withDurableExecution } from '@aws/durable-execution-sdk-js'
import type { AgentPlugin, RunnableAgent, RunResult, RunState } from '../../index.ts'
import { HoldfastError } from '../../index.ts'
import { AgentRunFailure, isBlocked, isHeld } from './failures.ts'
import { holdRun } from './hold.ts'
import { hosts } from './host.ts'
import type { LambdaOptions } from './options.ts'
import { lambdaDurabilityPlugin } from './plugin.ts'
import type { AgentRunEvent, AgentRunOutput } from './protocol.ts'
import { MAX_RESULT, sizeOf } from './protocol.ts'
import { openTransport } from './transport.ts'

export interface LambdaHandlerOptions extends LambdaOptions {
  /** For the SDK: its Lambda client, its plugins. */
  readonly durable?: DurableExecutionConfig
}

/** The agent of a run; a function is called in each invocation, the first of a run or not. */
export type HandlerAgent = RunnableAgent | ((event: AgentRunEvent) => RunnableAgent | Promise<RunnableAgent>)

/**
 * `export const handler = lambdaAgentHandler(travel)`: the handler of a durable function whose executions are runs of the
 * agent. An agent without a durability plugin is given `lambdaDurabilityPlugin(options)`.
 *
 * A run that can't go on here (it diverged, or a tool of it is not in this deploy) is held: what is recorded stays, and the
 * service invokes again, until a deploy can go on with it.
 */
export function lambdaAgentHandler(agent: HandlerAgent, options: LambdaHandlerOptions = {}): DurableLambdaHandler {
  const { durable, ...own } = options
  return async (event, context) => {
    let held: HoldfastError | undefined
    const { config, close } = openTransport(durable)
    const handler = withDurableExecution<AgentRunEvent, AgentRunOutput>(async (start, durableContext) => {
      try {
        return await hosts.run(durableContext, () => runAgent(agent, start, own))
      } catch (error) {
        if (isHeld(error)) held = error
        throw new AgentRunFailure(error)
      }
    }, config)
    const output = await handler(event, context).finally(close)
    if (output.Status === 'FAILED' && output.Error.ErrorType === 'NonDeterministicExecutionError') {
      held = diverged(output.Error.ErrorMessage ?? '')
    }
    if (!held) return output
    const pending = isBlocked(held) ? await holdRun(held, event, context, durable) : undefined
    if (!pending) throw held
    return pending
  }
}

async function runAgent(given: HandlerAgent, event: AgentRunEvent, options: LambdaOptions): Promise<AgentRunOutput> {
  checkEvent(event)
  const agent = typeof given === 'function' ? await given(event) : given
  const { runId, input, context, messages } = event
  if (agent.name !== event.agent) {
    throw new HoldfastError({
      code: 'CONFIG_INVALID',
      message: `run '${runId}' is of agent '${event.agent}', and this function runs '${agent.name}'. Start it on the function of its agent.`,
      details: { runId, agent: event.agent },
    })
  }
  const result = await agent.run(input, {
    runId,
    ...(context !== undefined && { context }),
    ...(messages && { messages }),
    plugins: isDurable(agent) ? [] : [lambdaDurabilityPlugin(options)],
    onWait: 'block',
  })
  return outputOf(result, options)
}

function isDurable(agent: RunnableAgent): boolean {
  const { plugins = [] } = agent as { readonly plugins?: readonly AgentPlugin[] }
  return plugins.some(({ durability }) => durability)
}

async function outputOf({ state, runId }: RunResult, { payloads }: LambdaOptions): Promise<AgentRunOutput> {
  const text = JSON.stringify(state)
  const size = sizeOf(text)
  if (size <= MAX_RESULT) return { version: 1, state: state as RunState }
  if (payloads) return { version: 1, ref: await payloads.put(new TextEncoder().encode(text)) }
  throw new HoldfastError({
    code: 'PAYLOAD_TOO_LARGE',
    message: `run '${runId}' is done, and its result has ${size} bytes of JSON, of which Lambda takes ${MAX_RESULT}: give the handler a payload store.`,
    details: { runId, size, limit: MAX_RESULT },
  })
}

function checkEvent(event: AgentRunEvent): void {
  if (event?.version === 1 && typeof event.runId === 'string' && event.input !== undefined) return
  throw new HoldfastError({
    code: 'CONFIG_INVALID',
    message:
      'the function was not invoked by lambdaRuns(client).start(agent, input, { runId }): its event is not that of a run. ' +
      'For events of your own write a durable handler that calls agent.run() with lambdaDurabilityPlugin(context).',
  })
}

/** The SDK compares names by itself, before the loop compares inputs. */
function diverged(message: string): HoldfastError {
  return new HoldfastError({
    code: 'DIVERGED',
    message: `the run asks for other steps than were recorded: ${message} Nothing recorded was changed: roll back, or make the new version do the same as before for runs in flight.`,
  })
}
