/** What a step of each kind is given, and what it gives: all of it JSON. */
import type { Json } from './json.ts'
import type { AssistantMessage, FinishReason, Message, ProviderOptions, Usage } from './message.ts'

/** `model`: ask a model. `tool`: run a tool. `wait`: a person or a timer. `agent`: a sub-agent. `task`: other I/O. */
export type StepKind = 'model' | 'tool' | 'wait' | 'agent' | 'task'

export type StepInput<K extends StepKind> = StepInputs[K]
export type StepOutput<K extends StepKind> = StepOutputs[K]

interface StepInputs {
  model: ModelInput
  /** What the model wrote for the tool. */
  tool: Json
  wait: WaitInput
  /** What the model wrote for the sub-agent; for a run itself, what it was started with. */
  agent: Json
  task: Json
}

interface StepOutputs {
  model: ModelOutput
  tool: Json
  wait: WaitOutput
  agent: Json
  task: Json
}

/** A prefix of the conversation: its length in messages and the digest chained over them. */
export interface Base {
  readonly length: number
  readonly digest: string
}

export interface ModelInput {
  /** The model's key in the agent's `models`. */
  readonly model: string
  /** What the executor has or can ask the run for. */
  readonly base: Base
  /** What is new since. */
  readonly append: readonly Message[]
  readonly settings?: ModelSettings
  readonly toolChoice?: ToolChoice
  /** Names of the tools that are shown; all when left out. */
  readonly activeTools?: readonly string[]
}

/** Call settings of the AI SDK, those that are JSON. */
export interface ModelSettings {
  readonly maxOutputTokens?: number
  readonly temperature?: number
  readonly topP?: number
  readonly topK?: number
  readonly presencePenalty?: number
  readonly frequencyPenalty?: number
  readonly stopSequences?: readonly string[]
  readonly seed?: number
  readonly reasoning?: 'provider-default' | 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'
  readonly headers?: { readonly [name: string]: string }
  readonly providerOptions?: ProviderOptions
}

export type ToolChoice = 'auto' | 'none' | 'required' | { readonly tool: string }

export interface ModelOutput {
  readonly message: AssistantMessage
  /** Tool calls to execute here, in the model's order. Calls that the provider ran are in `message` alone. */
  readonly calls: readonly ModelToolCall[]
  readonly finishReason: FinishReason
  readonly usage: Usage
  /** Structured output, parsed and valid. */
  readonly output?: Json
  /** Why the reply is not the structured output that was asked for. */
  readonly outputInvalid?: string
  readonly warnings?: Json
  readonly providerMetadata?: ProviderOptions
  /** `{ id, modelId, timestamp }` as the provider gave it. */
  readonly response?: Json
}

export interface ModelToolCall {
  readonly toolCallId: string
  readonly toolName: string
  readonly input: Json
  /** What is wrong with the call (unknown tool, not JSON, against the schema): told to the model, never executed. */
  readonly invalid?: string
  readonly needsApproval?: boolean
}

export type WaitInput = ApprovalWait | InterruptWait | TimerWait | UnknownOutcomeWait

interface WaitFor {
  /** Digest of the input that the answer is bound to. */
  readonly of: string
}
/** Answer: {@link ApprovalAnswer}. */
export interface ApprovalWait extends WaitFor {
  readonly type: 'approval'
  readonly tool: string
  readonly toolCallId: string
  readonly input: Json
}
/** Answer: JSON that fits `schema`. */
export interface InterruptWait extends WaitFor {
  readonly type: 'interrupt'
  readonly name: string
  readonly data?: Json
  /** JSON Schema. */
  readonly schema?: Json
}
export interface TimerWait extends WaitFor {
  readonly type: 'timer'
  /** Milliseconds. */
  readonly duration: number
}
/** A `once` step whose outcome nobody knows. Answer: {@link Reconciled}. */
export interface UnknownOutcomeWait extends WaitFor {
  readonly type: 'unknown-outcome'
  readonly tool: string
  readonly input: Json
}

export interface ApprovalAnswer {
  readonly approved: boolean
  readonly reason?: string
  readonly by?: string
  /** Run the tool with this instead. */
  readonly input?: Json
}

/** What became of a `once` step. Only `not-done` permits another execution. */
export type Reconciled =
  | { readonly status: 'done'; readonly output: Json }
  | { readonly status: 'not-done' }
  | { readonly status: 'unknown' }

export type WaitOutput = { readonly answer: Json } | { readonly timedOut: true }

/** A wait that a person can answer. */
export interface OpenWait {
  readonly id: string
  readonly input: WaitInput
}
