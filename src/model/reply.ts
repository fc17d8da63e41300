/** Assembles a model's reply out of the parts of its stream. */
import type { Json } from '../json.ts'
import { toJson } from '../json.ts'
import type { AssistantMessage, AssistantPart, FilePart, FinishReason, ProviderOptions, Usage } from '../message.ts'
import { textOf } from '../message.ts'
import { brokenReply } from './error.ts'
import type { ModelFileData } from './file.ts'
import { fromModelFile } from './file.ts'
import type { PartOf, StreamPart } from './parts.ts'
import { toCallPart, toOptions, toPlainPart, toResultPart, toUsage } from './parts.ts'
import type { PayloadStore } from '../stream.ts'

/** A piece of a reply: a `StreamChunk` without its position. */
export type ModelChunk =
  | { readonly type: 'text' | 'reasoning'; readonly delta: string }
  | { readonly type: 'tool-input'; readonly toolCallId: string; readonly toolName: string; readonly delta: string }

export interface ReplyCall {
  readonly toolCallId: string
  readonly toolName: string
  readonly input: Json
  /** What the model wrote, where that is no JSON; `input` is the same text then. */
  readonly inputText?: string
}

export interface ModelReply {
  readonly message: AssistantMessage
  /** Calls to execute here, in the model's order. What the provider ran is in `message` alone. */
  readonly calls: readonly ReplyCall[]
  readonly finishReason: FinishReason
  readonly usage: Usage
  readonly text: string
  readonly warnings?: Json
  readonly providerMetadata?: ProviderOptions
  /** `{ id, modelId, timestamp }`, those that the provider gave; the timestamp as ISO text. */
  readonly response?: Json
}

/** A content part in its place: kept from the moment it starts, filled when it is whole. */
interface Slot {
  part?: AssistantPart
  text?: { readonly type: 'text' | 'reasoning'; value: string; citations?: unknown }
  file?: { readonly type: FilePart['type']; readonly mediaType: string; readonly data: ModelFileData }
  /** The latest that came for a text or a tool input. */
  metadata?: unknown
  toolName?: string
  inputText?: string
}

type TextEvent = PartOf<`${'text' | 'reasoning'}-${'start' | 'delta' | 'end'}`>
type InputEvent = PartOf<`tool-input-${'start' | 'delta' | 'end'}`>

export class ReplyBuilder {
  /** Opens error messages: `model 'openai/gpt-5'`. */
  readonly where: string
  readonly #onChunk: (chunk: ModelChunk) => void
  readonly #slots: Slot[] = []
  /** Parts that may still grow or be replaced, by kind and id. */
  readonly #open = new Map<string, Slot>()
  readonly #response: Record<string, string> = {}
  readonly #warnings: unknown[] = []
  #finish: PartOf<'finish'> | undefined

  constructor(where: string, onChunk: (chunk: ModelChunk) => void) {
    this.where = where
    this.#onChunk = onChunk
  }

  /** Whether the model has said that its reply is whole. */
  get finished(): boolean {
    return this.#finish !== undefined
  }

  warn(...warnings: readonly object[]): void {
    this.#warnings.push(...warnings)
  }

  /** @throws what an `error` part holds; a retryable `MODEL_FAILED` where the model gives up */
  add(part: StreamPart): void {
    switch (part.type) {
      case 'text-start':
      case 'text-delta':
      case 'text-end':
        this.#addText('text', part)
        break
      case 'reasoning-start':
      case 'reasoning-delta':
      case 'reasoning-end':
        this.#addText('reasoning', part)
        break
      case 'tool-input-start':
      case 'tool-input-delta':
      case 'tool-input-end':
        this.#addInput(part)
        break
      case 'tool-call':
        this.#addCall(part)
        break
      case 'tool-result':
        // A later result of the same call replaces a preliminary one, in its place.
        this.#reopen(`result ${part.toolCallId}`).part = toResultPart(part, this.where)
        break
      case 'file':
      case 'reasoning-file': {
        const { type, mediaType, data, providerMetadata } = part
        this.#slots.push({ file: { type, mediaType, data }, metadata: providerMetadata })
        break
      }
      case 'source':
      case 'custom':
      case 'tool-approval-request':
        this.#slots.push({ part: toPlainPart(part, this.where) })
        break
      case 'error':
        throw part.error
      default:
        this.#addEnvelope(part)
    }
  }

  /**
   * The reply, its large files put into the store.
   * @throws a retryable `MODEL_FAILED` where no finish came
   */
  async build(payloads: PayloadStore | undefined): Promise<ModelReply> {
    const finish = this.#finish
    if (!finish) throw brokenReply(this.where, 'ended its stream without a finish: the reply may be cut off')
    const content: AssistantPart[] = []
    const calls: ReplyCall[] = []
    for (const slot of this.#slots) {
      const part = slot.part ?? (await this.#close(slot, payloads))
      if (!part) continue
      content.push(part)
      // A call that has its result in the reply was run by the provider, flagged or not.
      if (part.type !== 'tool-call' || part.providerExecuted || this.#open.has(`result ${part.toolCallId}`)) continue
      const { toolCallId, toolName, input } = part
      calls.push({ toolCallId, toolName, input, ...(slot.inputText !== undefined && { inputText: slot.inputText }) })
    }
    const message = { role: 'assistant', content } as const
    const { providerOptions } = toOptions(finish.providerMetadata, this.where, 'the reply')
    return {
      message,
      calls,
      finishReason: finish.finishReason.unified as FinishReason,
      usage: toUsage(finish.usage),
      text: textOf(message),
      ...(this.#warnings.length > 0 && { warnings: toJson(this.#warnings, `${this.where}: warnings`) }),
      ...(providerOptions && { providerMetadata: providerOptions }),
      ...(Object.keys(this.#response).length > 0 && { response: this.#response }),
    }
  }

  #addText(type: 'text' | 'reasoning', event: TextEvent): void {
    const key = `${type} ${event.id}`
    if (event.type === `${type}-start`) this.#open.delete(key)
    const slot = this.#reopen(key)
    slot.text ??= { type, value: '' }
    if (event.providerMetadata !== undefined) slot.metadata = event.providerMetadata
    if ('delta' in event && event.delta !== '') {
      slot.text.value += event.delta
      this.#onChunk({ type, delta: event.delta })
    }
    if ('citations' in event && event.citations) slot.text.citations = event.citations
    if (event.type === `${type}-end`) this.#open.delete(key)
  }

  #addInput(event: InputEvent): void {
    const key = `call ${event.id}`
    if (event.type === 'tool-input-start') this.#open.delete(key)
    const slot = this.#reopen(key)
    if ('toolName' in event) slot.toolName = event.toolName
    if (event.providerMetadata !== undefined) slot.metadata = event.providerMetadata
    if ('delta' in event && event.delta !== '') {
      this.#onChunk({ type: 'tool-input', toolCallId: event.id, toolName: slot.toolName ?? '', delta: event.delta })
    }
  }

  #addCall(call: PartOf<'tool-call'>): void {
    const key = `call ${call.toolCallId}`
    const slot = this.#reopen(key)
    this.#open.delete(key)
    Object.assign(slot, toCallPart(call, slot.metadata, this.where))
  }

  /** What is about the reply as a whole. */
  #addEnvelope(part: PartOf<'stream-start' | 'response-metadata' | 'finish' | 'ping' | 'raw'>): void {
    if (part.type === 'stream-start') this.warn(...part.warnings)
    else if (part.type === 'response-metadata') {
      const { id, modelId, timestamp } = part
      if (id !== undefined) this.#response['id'] = id
      if (modelId !== undefined) this.#response['modelId'] = modelId
      if (timestamp !== undefined) this.#response['timestamp'] = new Date(timestamp).toISOString()
    } else if (part.type === 'finish') {
      const { unified, raw } = part.finishReason
      if (unified === 'error') throw brokenReply(this.where, `gave up with finish reason '${raw ?? 'error'}'`)
      if (unified === 'interrupted') throw brokenReply(this.where, 'was interrupted: the reply may be cut off')
      this.#finish = part
    }
  }

  /** The part of that key, in the place where it started. */
  #reopen(key: string): Slot {
    let slot = this.#open.get(key)
    if (!slot) {
      slot = {}
      this.#slots.push(slot)
      this.#open.set(key, slot)
    }
    return slot
  }

  async #close({ text, file, metadata }: Slot, payloads: PayloadStore | undefined): Promise<AssistantPart | undefined> {
    if (file) {
      const { type, mediaType } = file
      const data = await fromModelFile(file.data, payloads)
      return { type, mediaType, data, ...toOptions(metadata, this.where, `${type} part`) }
    }
    // An empty block says nothing, unless it is there for its metadata, like redacted reasoning.
    if (!text || (text.value === '' && metadata === undefined && text.citations === undefined)) return undefined
    return {
      type: text.type,
      text: text.value,
      ...(text.citations !== undefined && { citations: toJson(text.citations, `${this.where}: citations`) }),
      ...toOptions(metadata, this.where, `${text.type} part`),
    }
  }
}
