/**
 * What defines a run, as JSON: pinned in it when it starts, so that a deploy does not change an agent in flight.
 */
import type { Json, JsonObject } from './json.ts'
import type { ProviderOptions } from './message.ts'
import type { ModelSettings, ToolChoice } from './step-kinds.ts'
import type { StepPolicy } from './step.ts'

/** JSON Schema, draft 7 or 2020-12. */
export type JsonSchema = JsonObject

export interface AgentSpec {
  readonly version: 1
  readonly name: string
  readonly instructions?: string
  /** Keys of the agent's models; the first is asked unless a hook chooses another. */
  readonly models: readonly string[]
  readonly settings?: ModelSettings
  readonly toolChoice?: ToolChoice
  readonly tools: readonly ToolSpec[]
  readonly limits: Limits
  readonly output?: JsonSchema
  readonly compact?: CompactWhen
  /** Policy of a model step. */
  readonly modelPolicy: StepPolicy
}

export interface ToolSpec {
  /** `agent`: a sub-agent. `provider`: run by the model's provider, never here. */
  readonly type: 'tool' | 'agent' | 'provider'
  readonly name: string
  readonly description?: string
  readonly inputSchema: JsonSchema
  /** `maybe`: a function decides, where the model step is executed. */
  readonly approval: 'always' | 'maybe' | 'never'
  /** How long an approval may take, in milliseconds; after it the call counts as refused. */
  readonly approvalTimeout?: number
  readonly policy: StepPolicy
  /** Whether a function tells what became of a `once` step whose outcome is unknown. */
  readonly reconcile: boolean
  /** What an outcome that stays unknown leads to: a wait for a person, or an error that the model sees. */
  readonly onUnknown: 'wait' | 'error'
  readonly strict?: boolean
  readonly providerOptions?: ProviderOptions
  readonly provider?: { readonly id: `${string}.${string}`; readonly args: { readonly [key: string]: Json } }
  readonly agent?: AgentSpec
}

export interface Limits {
  /** Model calls before the run ends with status `limit`. */
  readonly turns: number
  /** Total tokens, counted after each model call. */
  readonly tokens?: number
}

/** Compact before the model call for which one of these is reached. */
export interface CompactWhen {
  readonly messages?: number
  /** Input tokens of the last model call. */
  readonly inputTokens?: number
}
