/** Makers of tools. */
import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { AgentDefinition, ApprovalContext, ReconcileResult, Tool, ToolContext } from './definition.ts'
import { type Duration, toMilliseconds } from './duration.ts'
import { HoldfastError } from './errors.ts'
import type { Json } from './json.ts'
import { toJson } from './json.ts'
import type { ProviderOptions, ToolResultOutput } from './message.ts'
import type { InputSchema } from './schema.ts'
import { jsonSchemaOf } from './schema.ts'
import type { ToolSpec } from './spec.ts'
import type { RetryPolicy, StepPolicy } from './step.ts'

/** What a schema's input becomes once it is parsed; JSON for a plain JSON Schema. */
export type InferInput<S extends InputSchema> = S extends StandardSchemaV1 ? StandardSchemaV1.InferOutput<S> : Json

export interface PolicyOptions {
  /** For one attempt. */
  readonly timeout?: Duration
  readonly retry?: RetryOptions
}

export interface RetryOptions {
  /** Attempts in all. Default 3. */
  readonly maxAttempts?: number
  /** Default `1s`. */
  readonly initialInterval?: Duration
  /** Each interval is this many times the one before. Default 2. */
  readonly backoff?: number
  /** Default `1m`. */
  readonly maxInterval?: Duration
}

export interface ToolOptions<S extends InputSchema> extends PolicyOptions {
  /** 1 to 64 letters, digits, `_` and `-`. A wire format: step ids have it. */
  readonly name: string
  readonly description?: string
  /** A Standard Schema that gives JSON Schema (zod 4, arktype, valibot by its adapter), or a plain JSON Schema. */
  readonly input: S
  /** Left out where a worker elsewhere executes the tool. */
  readonly execute?: (input: InferInput<S>, context: ToolContext) => unknown
  /** Ask a person before it runs: always, or where the function says so for the input. */
  readonly approval?: boolean | ((input: InferInput<S>, context: ApprovalContext) => Promise<boolean> | boolean)
  /** After it an approval counts as refused. */
  readonly approvalTimeout?: Duration
  /** `once`: never run again by itself. Refuses `retry`. */
  readonly effect?: 'repeatable' | 'once'
  /** What became of a `once` step whose outcome is unknown. Only `not-done` lets it run again. */
  readonly reconcile?: (input: InferInput<S>, context: ToolContext) => Promise<ReconcileResult> | ReconcileResult
  /** Without `reconcile`, or where it can't tell: ask a person (default), or tell the model. */
  readonly onUnknown?: 'wait' | 'error'
  readonly toModelOutput?: (output: Json) => ToolResultOutput
  readonly strict?: boolean
  readonly providerOptions?: ProviderOptions
}

/**
 * A tool. What `execute` throws is told to the model; with `retry` it is tried again first, unless it is a terminal
 * `HoldfastError`. What it returns is recorded: JSON, bytes, dates, URLs.
 * @throws `CONFIG_INVALID`
 */
export function tool<S extends InputSchema>(options: ToolOptions<S>): Tool {
  const { name, approval } = options
  const where = `tool '${name}'`
  checkName(name, 'tool')
  const once = options.effect === 'once'
  if (once && options.retry) throw invalid(`${where} has effect 'once', which refuses retry. Take one of them out.`)
  if (options.reconcile && !once) throw invalid(`${where} has reconcile, which is for effect 'once' alone.`)
  const spec: ToolSpec = {
    type: 'tool',
    name,
    ...(options.description !== undefined && { description: options.description }),
    inputSchema: jsonSchemaOf(options.input, where),
    approval: approval === true ? 'always' : approval ? 'maybe' : 'never',
    ...(options.approvalTimeout !== undefined && { approvalTimeout: toMilliseconds(options.approvalTimeout, where) }),
    policy: policyOf(options, where, once ? 'once' : 'repeatable'),
    reconcile: options.reconcile !== undefined,
    onUnknown: options.onUnknown ?? 'wait',
    ...(options.strict !== undefined && { strict: options.strict }),
    ...(options.providerOptions && { providerOptions: options.providerOptions }),
  }
  // The loop gives what the schema made of the input; the types of a stored tool can't say that.
  return {
    name,
    spec,
    schema: options.input,
    ...(options.execute && { execute: options.execute as Tool['execute'] & {} }),
    ...(typeof approval === 'function' && { approval: approval as Tool['approval'] & {} }),
    ...(options.reconcile && { reconcile: options.reconcile as Tool['reconcile'] & {} }),
    ...(options.toModelOutput && { toModelOutput: options.toModelOutput }),
  }
}

export interface AgentToolOptions {
  /** Default: the agent's name. */
  readonly name?: string
  readonly description?: string
  readonly approval?: boolean
  readonly approvalTimeout?: Duration
}

const PROMPT_SCHEMA = {
  type: 'object',
  properties: { prompt: { type: 'string', description: 'What to do, with all that is needed to do it.' } },
  required: ['prompt'],
  additionalProperties: false,
} as const

/** A sub-agent as a tool. It runs inline: its steps are steps of the run, with ids under that of the call. */
export function agentTool(agent: { readonly definition: AgentDefinition }, options: AgentToolOptions = {}): Tool {
  const { definition } = agent
  const name = options.name ?? definition.spec.name
  checkName(name, 'tool')
  if (definition.plugins.some(({ durability }) => durability)) {
    throw new HoldfastError({
      code: 'DURABILITY_CONFLICT',
      message: `agent '${definition.spec.name}' has a durability plugin of its own. A sub-agent takes its parent's: give agentTool an agent without one.`,
    })
  }
  const spec: ToolSpec = {
    type: 'agent',
    name,
    ...(options.description !== undefined && { description: options.description }),
    inputSchema: PROMPT_SCHEMA,
    approval: options.approval ? 'always' : 'never',
    ...(options.approvalTimeout !== undefined && {
      approvalTimeout: toMilliseconds(options.approvalTimeout, `tool '${name}'`),
    }),
    policy: { effect: 'repeatable' },
    reconcile: false,
    onUnknown: 'error',
    agent: definition.spec,
  }
  return { name, spec, schema: PROMPT_SCHEMA, agent: definition }
}

export interface ProviderToolOptions {
  readonly id: `${string}.${string}`
  readonly name: string
  readonly args?: { readonly [key: string]: unknown }
}

/** A tool that the model's provider runs, e.g. a web search: declared to the model, never executed here. */
export function providerTool(options: ProviderToolOptions): Tool {
  const args = toJson(options.args ?? {}, `provider tool '${options.name}'`) as { readonly [key: string]: Json }
  const spec: ToolSpec = {
    type: 'provider',
    name: options.name,
    inputSchema: {},
    approval: 'never',
    policy: { effect: 'repeatable' },
    reconcile: false,
    onUnknown: 'error',
    provider: { id: options.id, args },
  }
  return { name: options.name, spec, schema: {} }
}

/** Options as a policy, in milliseconds. */
export function policyOf(options: PolicyOptions, where: string, effect: StepPolicy['effect']): StepPolicy {
  const { timeout, retry } = options
  return {
    effect,
    ...(timeout !== undefined && { timeout: toMilliseconds(timeout, `${where}: timeout`) }),
    ...(retry && { retry: retryPolicyOf(retry, where) }),
  }
}

function retryPolicyOf(retry: RetryOptions, where: string): RetryPolicy {
  const { maxAttempts = 3, backoff = 2, initialInterval = 1_000, maxInterval = 60_000 } = retry
  if (!Number.isInteger(maxAttempts) || maxAttempts < 1 || !(backoff >= 1)) {
    throw invalid(`${where}: retry needs a whole maxAttempts from 1 on, and a backoff of at least 1.`)
  }
  return {
    maxAttempts,
    backoff,
    initialInterval: toMilliseconds(initialInterval, `${where}: retry.initialInterval`),
    maxInterval: toMilliseconds(maxInterval, `${where}: retry.maxInterval`),
  }
}

/** Names stand in step ids, where `/` and `#` have a meaning. */
export function checkName(name: string, what: string): void {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    throw invalid(`'${name}' can't be the name of a ${what}: take 1 to 64 letters, digits, '_' and '-'.`)
  }
}

function invalid(message: string): HoldfastError {
  return new HoldfastError({ code: 'CONFIG_INVALID', message })
}
