/** An agent as the loop and the executor need it: what `Agent` is made of, without `Agent`. */
import type { Json } from './json.ts'
import type { Message, ToolResultOutput } from './message.ts'
import type { AnyLanguageModel } from './model.ts'
import type { AgentPlugin, TaskContext } from './plugin.ts'
import type { InputSchema } from './schema.ts'
import type { AgentSpec, ToolSpec } from './spec.ts'
import type { Reconciled } from './step-kinds.ts'
import type { PayloadStore, StreamSink } from './stream.ts'

export interface AgentDefinition {
  readonly spec: AgentSpec
  readonly models: { readonly [key: string]: AnyLanguageModel }
  readonly tools: ReadonlyMap<string, Tool>
  /** In the order in which their hooks run. */
  readonly plugins: readonly AgentPlugin[]
  readonly output?: InputSchema
  readonly compactWith?: CompactWith
  /** Where streams and large payloads go without an engine that has a place for them. */
  readonly streams?: StreamSink
  readonly payloads?: PayloadStore
}

/** Makes a shorter conversation of a long one. It runs inside a recorded step: I/O is fine. */
export type CompactWith = (
  messages: readonly Message[],
  context: TaskContext,
) => Promise<readonly Message[]> | readonly Message[]

/** A tool: its declaration, and what runs it where the app is. Made by `tool()`, `agentTool()`, `providerTool()`. */
export interface Tool {
  readonly name: string
  readonly spec: ToolSpec
  readonly schema: InputSchema
  readonly execute?: (input: unknown, context: ToolContext) => unknown
  /** Evaluated where the model step is executed. */
  readonly approval?: (input: unknown, context: ApprovalContext) => Promise<boolean> | boolean
  readonly reconcile?: (input: unknown, context: ToolContext) => Promise<ReconcileResult> | ReconcileResult
  /** How a model is shown the output; the record has the output itself. */
  readonly toModelOutput?: (output: Json) => ToolResultOutput
  /** The sub-agent. */
  readonly agent?: AgentDefinition
}

export type ReconcileResult =
  | { readonly status: 'done'; readonly output: unknown }
  | Exclude<Reconciled, { readonly status: 'done' }>

export interface ApprovalContext {
  readonly runId: string
  readonly context: Json
}

/** What a tool is given besides its input. */
export interface ToolContext extends TaskContext {
  /** Say how far it is: to the run's stream, and to the engine as a sign of life. */
  progress(data: unknown): void
}
