/** Asks a model, and judges its reply where schemas and closures exist, so that every engine sees the same. */
import type { AgentDefinition } from '../definition.ts'
import { HoldfastError } from '../errors.ts'
import type { AttemptContext } from './context.ts'
import { conversationOf, middlewareOf, throughMiddleware } from './context.ts'
import { Attempt } from './stop.ts'
import { executionRequest, parseInput } from './tool.ts'
import type { Json } from '../json.ts'
import { toJson } from '../json.ts'
import { checkJsonSchema } from '../json-schema.ts'
import type { AssistantMessage, Message, ToolMessage } from '../message.ts'
import { textOf } from '../message.ts'
import type { ModelCall, ModelReply } from '../model.ts'
import { callModel } from '../model.ts'
import { abortError } from '../model/error.ts'
import type { ModelRequest } from '../plugin.ts'
import { isPromise } from '../promise.ts'
import { validateWith } from '../schema.ts'
import type { JsonSchema, ToolSpec } from '../spec.ts'
import type { ModelInput, ModelOutput, ModelToolCall } from '../step-kinds.ts'

export async function executeModel(attempt: AttemptContext): Promise<ModelOutput> {
  const { definition, spec, step } = attempt
  const input = step.input as ModelInput
  const conversation = await conversationOf(attempt, input)
  const layers = middlewareOf(definition, 'model')
  const messages = layers.length > 0 ? [...conversation] : conversation
  const request: ModelRequest = { ...executionRequest(attempt), input, instructions: spec.instructions, messages }
  return throughMiddleware(layers, request, (now) => askModel(attempt, now))
}

async function askModel(attempt: AttemptContext, request: ModelRequest): Promise<ModelOutput> {
  const { definition, spec, publisher, payloads, prompts } = attempt
  const { input } = request
  const model = definition.models[input.model]
  if (!model) {
    throw new HoldfastError({
      code: 'MODEL_UNKNOWN',
      kind: 'retryable',
      message: `agent '${definition.spec.name}' here has no model '${input.model}', but a run of it asks for it. Deploy a worker that has it.`,
      details: { model: input.model },
    })
  }
  const { activeTools } = input
  const tools = activeTools ? spec.tools.filter(({ name }) => activeTools.includes(name)) : spec.tools
  const { signal } = request
  const call: ModelCall = {
    ...(request.instructions !== undefined && { instructions: request.instructions }),
    messages: showResults(attempt, request.messages),
    tools,
    ...(input.toolChoice && { toolChoice: input.toolChoice }),
    ...(input.settings && { settings: input.settings }),
    ...(spec.output && { output: spec.output }),
    signal,
    ...(payloads && { payloads }),
    ...(prompts && { memory: prompts }),
    ...(publisher && { onChunk: (chunk) => publisher.publish(chunk) }),
  }
  // The attempt keeps to its own signal; middleware may have given another one.
  const reply = await (signal === attempt.attemptScope.signal
    ? callModel(model, call)
    : untilAborted(signal, () => callModel(model, call)))
  return judge(attempt, reply, tools)
}

/** Rejects at the abort, whether or not the work listens. */
export async function untilAborted<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const attempt = new Attempt()
  const stop = (): void => attempt.stop(abortError(signal))
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await attempt.run(work)
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** The recorded output stays as the tool gave it; how a model is shown it is the tool's own function. */
function showResults({ definition }: AttemptContext, messages: readonly Message[]): readonly Message[] {
  if (![...definition.tools.values()].some(({ toModelOutput }) => toModelOutput)) return messages
  return messages.map((message) => (message.role === 'tool' ? showResultsOf(definition, message) : message))
}

function showResultsOf({ tools }: AgentDefinition, message: ToolMessage): ToolMessage {
  const content = message.content.map((part) => {
    if (part.type !== 'tool-result' || (part.output.type !== 'json' && part.output.type !== 'text')) return part
    const show = tools.get(part.toolName)?.toModelOutput
    return show ? { ...part, output: show(part.output.value) } : part
  })
  return { ...message, content }
}

async function judge(attempt: AttemptContext, reply: ModelReply, shown: readonly ToolSpec[]): Promise<ModelOutput> {
  const calls: ModelToolCall[] = []
  for (const call of reply.calls) {
    const judged = judgeCall(attempt, call, shown)
    calls.push(isPromise(judged) ? await judged : judged)
  }
  const { message, finishReason, usage, warnings, providerMetadata, response } = reply
  return {
    message,
    calls,
    finishReason,
    usage,
    ...(attempt.spec.output && calls.length === 0 && (await judgeOutput(attempt, message))),
    ...(warnings !== undefined && { warnings }),
    ...(providerMetadata && { providerMetadata }),
    ...(response !== undefined && { response }),
  }
}

function judgeCall(
  attempt: AttemptContext,
  call: ModelReply['calls'][number],
  shown: readonly ToolSpec[],
): ModelToolCall | Promise<ModelToolCall> {
  const { toolCallId, toolName, input } = call
  const base = { toolCallId, toolName, input }
  const declared = shown.find(({ name }) => name === toolName)
  if (!declared || declared.type === 'provider') {
    const names = shown.map(({ name }) => name).join(', ')
    return { ...base, invalid: `There is no tool '${toolName}'. The tools are: ${names || 'none'}.` }
  }
  if (call.inputText !== undefined)
    return { ...base, invalid: `The input of '${toolName}' is not JSON: ${call.inputText}` }
  const known = attempt.definition.tools.get(toolName)
  if (!known) {
    const problems = checkJsonSchema(declared.inputSchema, input)
    if (problems.length > 0) return { ...base, invalid: problems.join('; ') }
    return { ...base, ...(declared.approval !== 'never' && { needsApproval: true }) }
  }
  const invalid = (error: unknown): ModelToolCall => ({ ...base, invalid: (error as Error).message })
  const judged = (needsApproval: boolean): ModelToolCall => ({ ...base, ...(needsApproval && { needsApproval }) })
  const approve = (parsed: unknown): ModelToolCall | Promise<ModelToolCall> => {
    const { runId, context = null } = attempt
    if (declared.approval !== 'maybe') return judged(declared.approval === 'always')
    return mustAsk(() => known.approval?.(parsed, { runId, context })).then(judged)
  }
  try {
    const parsed = parseInput(known, input)
    return isPromise(parsed) ? parsed.then(approve, invalid) : approve(parsed)
  } catch (error) {
    return invalid(error)
  }
}

/** Whoever can't say that no approval is needed has not said so: a person is asked, and the reply is not lost. */
async function mustAsk(approval: () => unknown): Promise<boolean> {
  try {
    return (await approval()) !== false
  } catch {
    return true
  }
}

async function judgeOutput(
  attempt: AttemptContext,
  message: AssistantMessage,
): Promise<Pick<ModelOutput, 'output' | 'outputInvalid'>> {
  let value: Json
  try {
    value = JSON.parse(textOf(message)) as Json
  } catch (error) {
    return { outputInvalid: (error as Error).message }
  }
  const schema = attempt.definition.output ?? (attempt.spec.output as JsonSchema)
  const result = await validateWith(schema, value)
  return result.ok
    ? { output: toJson(result.value, `step ${attempt.step.id}: structured output`) }
    : { outputInvalid: result.message }
}
