/** A run as a whole workflow: what it was started with, and a result that fits into one payload. */
import { defineQuery, setHandler } from '@temporalio/workflow'
import type { Agent, Message, RunResult } from '../../index.ts'
import { temporalDurabilityPlugin } from './plugin.ts'
import { namesOf } from './live-run.ts'
import { nameKnown } from './naming.ts'
import type { AgentWorkflowInput, MessagesPage, WorkflowResult } from './protocol.ts'
import { MAX_PAYLOAD, pageOf, payloadLimit, PROTOCOL, RESULT_MESSAGES, sizeOf } from './protocol.ts'

/** Bytes of messages from which the result names what stands in the history already: the client reads it there. */
const WORTH_NAMING = 16_000

/** Bytes that a result may have, messages alone. Longer ones are asked for, for which a worker has to replay all of it. */
const RESULT = 1_700_000

const resultMessages = defineQuery<MessagesPage, [number]>(RESULT_MESSAGES)

/**
 * The body of a workflow of one's own: runs `agent`, which was made from `start.spec` and has hooks, as `agentWorkflow` does.
 *
 *     export async function careful(start: AgentWorkflowInput) {
 *       return runAgentWorkflow(new Agent(start.spec).on('BeforeToolCall', check), start)
 *     }
 */
export async function runAgentWorkflow(agent: Agent, start: AgentWorkflowInput): Promise<WorkflowResult> {
  if (start.version !== PROTOCOL) {
    // A plain error holds the run until a worker comes that knows it.
    throw new Error(`this worker has protocol ${PROTOCOL} of Holdfast, and the run was started with ${start.version}`)
  }
  const { input, context, messages } = start
  const result = await agent
    .use(temporalDurabilityPlugin({ start }))
    .run(input, { ...(context !== undefined && { context }), ...(messages && { messages }) })
  const size = sizeOf(result.messages)
  const isStored = payloadLimit(start.options ?? {}) > MAX_PAYLOAD
  if (isStored || size <= WORTH_NAMING) return withMessages(result, result.messages)
  let text: string | undefined
  setHandler(resultMessages, (offset) => {
    text ??= JSON.stringify(result.messages)
    return { from: 0, text: pageOf(text, offset), total: text.length }
  })
  const { rest, named } = nameKnown(namesOf(result.runId), result.messages)
  if (sizeOf([rest, named]) > RESULT) return withMessages(result, [])
  return { ...withMessages(result, rest), named }
}

/** Once: the client puts them back into the state. */
function withMessages(result: RunResult, messages: readonly unknown[]): WorkflowResult {
  return { ...result, messages: messages as readonly Message[], state: { ...result.state, messages: [] } }
}
