/** Asks an AI SDK language model, of specification v4 or v3, in our wire form. Types of the AI SDK alone are imported. */
import type { LanguageModelV3, LanguageModelV4, LanguageModelV4CallOptions } from '@ai-sdk/provider'
import { HoldfastError } from './errors.ts'
import type { Json } from './json.ts'
import { fromJson } from './json.ts'
import type { Message, ProviderOptions } from './message.ts'
import { abortError, modelError } from './model/error.ts'
import { toPrompt } from './model/prompt.ts'
import type { PromptMemory } from './model/prompt-memory.ts'
import type { ModelChunk, ModelReply } from './model/reply.ts'
import { ReplyBuilder } from './model/reply.ts'
import type { PartStream } from './model/stream.ts'
import { readGenerated, readStream } from './model/stream.ts'
import type { PromptTarget } from './model/target.ts'
import type { JsonSchema } from './spec.ts'
import type { ModelSettings, ToolChoice } from './step-kinds.ts'
import type { PayloadStore } from './stream.ts'

export type { ModelChunk, ModelReply } from './model/reply.ts'

export type AnyLanguageModel = LanguageModelV4 | LanguageModelV3

/** What a model is told of a tool: a function of ours, or, with `provider`, a tool that its provider runs. */
export interface ToolDeclaration {
  readonly name: string
  readonly description?: string
  readonly inputSchema: JsonSchema
  readonly strict?: boolean
  readonly providerOptions?: ProviderOptions
  readonly provider?: { readonly id: `${string}.${string}`; readonly args: { readonly [key: string]: Json } }
}

export interface ModelCall {
  /** Goes before the messages, as a system message. */
  readonly instructions?: string
  readonly messages: readonly Message[]
  readonly tools: readonly ToolDeclaration[]
  readonly toolChoice?: ToolChoice
  readonly settings?: ModelSettings
  /** Ask for JSON of this schema. Whether the reply fits is the caller's to check. */
  readonly output?: JsonSchema
  readonly signal: AbortSignal
  /** Where files over 64 KB go and stored files come from. */
  readonly payloads?: PayloadStore
  /** Of calls before this one, in the same conversation. */
  readonly memory?: PromptMemory
  /** Told of each piece as it comes. Not after an abort. */
  readonly onChunk?: (chunk: ModelChunk) => void
}

/**
 * One call of a model: streamed where the model can, its reply assembled. Nothing is retried here.
 *
 * @throws `CANCELLED` after an abort of the signal (its reason, if that is a `HoldfastError`): a model that does not listen is
 * not waited for by the attempt that asks it, and what it says is not heard; `MODEL_FAILED`, retryable with `retryAfter` where another try may help; `UNSUPPORTED` for what the
 * model's specification can't hold; `NOT_JSON` for provider metadata that can't be recorded
 */
export async function callModel(model: AnyLanguageModel, call: ModelCall): Promise<ModelReply> {
  if (call.signal.aborted) throw abortError(call.signal)
  const name = `${model.provider}/${model.modelId}`
  if (model.specificationVersion !== 'v4' && model.specificationVersion !== 'v3') {
    const given = String((model as { specificationVersion?: unknown }).specificationVersion)
    throw new HoldfastError({
      code: 'UNSUPPORTED',
      message: `model '${name}' is of AI SDK specification '${given}'. Holdfast takes v4 and v3: update the provider's package.`,
      details: { model: name },
    })
  }
  try {
    return await ask(model, call, name)
  } catch (error) {
    throw call.signal.aborted ? abortError(call.signal) : modelError(error, name)
  }
}

async function ask(model: AnyLanguageModel, call: ModelCall, name: string): Promise<ModelReply> {
  const { signal, payloads, memory } = call
  const where = `model '${name}'`
  const target: PromptTarget = {
    version: model.specificationVersion,
    where,
    ...(payloads && { payloads }),
    ...(memory && { memory }),
  }
  const options = await callOptions(call, target)
  signal.throwIfAborted()
  const reply = new ReplyBuilder(where, (chunk) => call.onChunk?.(chunk))
  // V3 and V4 differ in the prompt, which was made for the one at hand, and in kinds of content that are told by `type`.
  const { doStream, doGenerate } = model as LanguageModelV4
  if (typeof doStream === 'function') {
    const { stream } = (await doStream.call(model, options)) as { stream: PartStream }
    await readStream(stream, signal, reply)
  } else {
    const generated = await doGenerate.call(model, options)
    signal.throwIfAborted()
    readGenerated(generated, reply)
  }
  const { reasoning } = call.settings ?? {}
  if (target.version === 'v3' && reasoning !== undefined && reasoning !== 'provider-default') {
    reply.warn({
      type: 'unsupported',
      feature: 'reasoning',
      details: 'the model is of specification v3: use providerOptions',
    })
  }
  return reply.build(payloads)
}

async function callOptions(call: ModelCall, target: PromptTarget): Promise<LanguageModelV4CallOptions> {
  const { stopSequences, headers, providerOptions, reasoning, ...settings } = call.settings ?? {}
  return {
    ...settings,
    ...(stopSequences && { stopSequences: [...stopSequences] }),
    ...(headers && { headers: { ...headers } }),
    ...(providerOptions && { providerOptions: fromJson(providerOptions) as never }),
    ...(reasoning && target.version === 'v4' && { reasoning }),
    ...(call.output && { responseFormat: { type: 'json', schema: call.output as never } }),
    ...(call.tools.length > 0 && { tools: call.tools.map(toTool), toolChoice: toToolChoice(call.toolChoice) }),
    prompt: await toPrompt(call.messages, call.instructions, target),
    abortSignal: call.signal,
  }
}

type ProviderTools = NonNullable<LanguageModelV4CallOptions['tools']>

function toTool(declared: ToolDeclaration): ProviderTools[number] {
  const { name, description, inputSchema, strict, providerOptions, provider } = declared
  if (provider)
    return { type: 'provider', name, id: provider.id, args: fromJson(provider.args) as Record<string, unknown> }
  return {
    type: 'function',
    name,
    ...(description !== undefined && { description }),
    inputSchema: inputSchema as never,
    ...(strict !== undefined && { strict }),
    ...(providerOptions && { providerOptions: fromJson(providerOptions) as never }),
  }
}

function toToolChoice(choice: ToolChoice = 'auto'): NonNullable<LanguageModelV4CallOptions['toolChoice']> {
  return typeof choice === 'string' ? { type: choice } : { type: 'tool', toolName: choice.tool }
}
