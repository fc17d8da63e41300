/** A run as a whole workflow: what it was started with, and a result that fits into one payload. */
import { defineQuery, setHandler } from '@temporalio/workflow'
import type { Agent, Message, RunResult } from '../../index.ts'
import { temporalDurabilityPlugin } from './plugin.ts'
import type { AgentWorkflowInput, MessagesPage } from './protocol.ts'
import { MAX_PAYLOAD, pageOf, payloadLimit, PROTOCOL, RESULT_MESSAGES, sizeOf } from './protocol.ts'

/**
 * Bytes of messages that a workflow's result has. Those of a longer conversation are asked for, for which a worker has to
 * replay all of it: the limit is as near to the server's as it can be.
 */
const RESULT = 1_700_000

const resultMessages = defineQuery<MessagesPage, [number]>(RESULT_MESSAGES)

/**
 * The body of a workflow of one's own: runs `agent`, which was made from `start.spec` and has hooks, as `agentWorkflow` does.
 *
 *     export async function careful(start: AgentWorkflowInput) {
 *       return runAgentWorkflow(new Agent(start.spec).on('BeforeToolCall', check), start)
 *     }
 */
export async function runAgentWorkflow(agent: Agent, start: AgentWorkflowInput): Promise<RunResult> {
  if (start.version !== PROTOCOL) {
    // A plain error holds the run until a worker comes that knows it.
    throw new Error(`this worker has protocol ${PROTOCOL} of Holdfast, and the run was started with ${start.version}`)
  }
  const { input, context, messages } = start
  const result = await agent
    .use(temporalDurabilityPlugin({ start }))
    .run(input, { ...(context !== undefined && { context }), ...(messages && { messages }) })
  const limit = payloadLimit(start.options ?? {})
  if (sizeOf(result.messages) <= (limit === MAX_PAYLOAD ? RESULT : limit)) return withMessages(result, result.messages)
  const text = JSON.stringify(result.messages)
  setHandler(resultMessages, (offset) => ({ from: 0, text: pageOf(text, offset), total: text.length }))
  return withMessages(result, [])
}

/** Once: the client puts them back into the state. */
function withMessages(result: RunResult, messages: readonly Message[]): RunResult {
  return { ...result, messages, state: { ...result.state, messages: [] } }
}
