/** The agent: the composition root. What is under it knows interfaces. */
import type { AgentStream } from './agent-stream.ts'
import { streamRun } from './agent-stream.ts'
import type { AgentDefinition, CompactWith, Tool } from './definition.ts'
import type { Duration } from './duration.ts'
import { HoldfastError } from './errors.ts'
import type { Hook, HookName } from './hooks/events.ts'
import type { Json } from './json.ts'
import { toJson } from './json.ts'
import type { RunState } from './machine.ts'
import type { AnyLanguageModel } from './model.ts'
import { APP, checkPluginNames, orderPlugins } from './loop/order.ts'
import type { AgentPlugin } from './plugin.ts'
import { resultOf } from './result.ts'
import { resumeState } from './loop/resume.ts'
import type { RunInput, RunnableAgent, RunOptions, RunResult } from './run.ts'
import type { InputSchema } from './schema.ts'
import { jsonSchemaOf } from './schema.ts'
import type { AgentSpec, CompactWhen, Limits, ToolSpec } from './spec.ts'
import { startAgentRun } from './loop/start.ts'
import type { ModelSettings, ToolChoice } from './step-kinds.ts'
import type { PayloadStore, StreamSink } from './stream.ts'
import type { RetryOptions } from './tool.ts'
import { checkName, policyOf } from './tool.ts'

export interface AgentOptions {
  /** 1 to 64 letters, digits, `_` and `-`. A wire format: engines know its runs by it. */
  readonly name: string
  /** Any AI SDK language model; known as `default`. */
  readonly model?: AnyLanguageModel
  /** Several, by key; the first is asked unless a hook chooses another. */
  readonly models?: { readonly [key: string]: AnyLanguageModel }
  readonly settings?: ModelSettings
  readonly toolChoice?: ToolChoice
  readonly instructions?: string
  readonly tools?: readonly Tool[]
  /** Default: 50 turns. */
  readonly limits?: Partial<Limits>
  /** Structured output: a Standard Schema that gives JSON Schema, or a JSON Schema. */
  readonly output?: InputSchema
  /** When the conversation grows too long, and what makes it shorter. */
  readonly compact?: { readonly when: CompactWhen; readonly with: CompactWith }
  /** Where tokens and large files go, without an engine that has a place for them. */
  readonly streams?: StreamSink
  readonly payloads?: PayloadStore
  /** For one attempt of a model call. */
  readonly modelTimeout?: Duration
  /** Default: 3 attempts, from 1 s on, doubling. A provider's Retry-After goes before it. */
  readonly modelRetry?: RetryOptions
}

export class Agent implements RunnableAgent {
  readonly name: string
  readonly #base: Omit<AgentDefinition, 'plugins'>
  readonly #plugins: AgentPlugin[] = []
  #definition: AgentDefinition | undefined

  /**
   * An agent; or, from the `AgentSpec` of one, its shape without models and closures, for a workflow whose steps a worker
   * executes by name.
   * @throws `CONFIG_INVALID`
   */
  constructor(options: AgentOptions | AgentSpec) {
    this.name = options.name
    this.#base = isSpec(options) ? baseOfSpec(options) : baseOfOptions(options)
  }

  /** Add a plugin. @throws `CONFIG_INVALID` after the first run, or for a name that is taken */
  use(plugin: AgentPlugin): this {
    this.#checkOpen('use')
    checkPluginNames([...this.#plugins.filter(({ name }) => name !== APP), plugin], this.name)
    this.#plugins.push(plugin)
    return this
  }

  /** Add a hook of the application's own. @throws `CONFIG_INVALID` after the first run */
  on<N extends HookName>(name: N, hook: Hook<N>): this {
    this.#checkOpen('on')
    this.#plugins.push({ name: APP, hooks: { [name]: hook } })
    return this
  }

  /** What defines a run of it, as JSON. */
  describe(): AgentSpec {
    return this.#base.spec
  }

  get plugins(): readonly AgentPlugin[] {
    return this.#plugins
  }

  /** For engines and `agentTool`. From the first look on the agent does not change any more. */
  get definition(): AgentDefinition {
    this.#definition ??= { ...this.#base, plugins: orderPlugins(this.#plugins) }
    return this.#definition
  }

  /**
   * Run the agent. With a durability plugin a `runId` that the engine knows is taken up, or its result given.
   * Rejects with a `HoldfastError` as the run fails.
   */
  async run(input: RunInput, options: RunOptions = {}): Promise<RunResult> {
    return resultOf(await startAgentRun(this.definition, checked(input, options)))
  }

  /** Like `run()`, told as it happens: iterate it; `result` is what `run()` gives. */
  stream(input: RunInput, options: RunOptions = {}): AgentStream {
    return streamRun(async (listen) => startAgentRun(this.definition, { ...checked(input, options), ...listen }))
  }

  /**
   * Go on from the state of a result that waits, with answers by wait id. For runs without a durability plugin.
   * @throws `UNSUPPORTED` with one; `WAIT_NOT_FOUND`, `ANSWER_INVALID`
   */
  async resume(
    state: RunState,
    answers: { readonly [waitId: string]: unknown },
    options: Pick<RunOptions, 'signal' | 'plugins'> = {},
  ): Promise<RunResult> {
    const durable = [...this.definition.plugins, ...(options.plugins ?? [])].find(({ durability }) => durability)
    if (durable) {
      throw new HoldfastError({
        code: 'UNSUPPORTED',
        message: `engine '${durable.durability?.engine}' keeps the runs of agent '${this.name}': answer with runs.get(runId).respond(waitId, answer).`,
      })
    }
    if (state.spec.name !== this.name) {
      throw invalid(`the state is one of agent '${state.spec.name}', not of '${this.name}': resume it with that.`)
    }
    const resumed = resumeState(state, answers)
    if (state.status !== 'waiting' && state.status !== 'running') return resultOf(state)
    return resultOf(await startAgentRun(this.definition, { input: '', options, ...resumed }))
  }

  #checkOpen(what: string): void {
    if (this.#definition) {
      throw invalid(
        `${what}() came after the first run of agent '${this.name}': an agent does not change while it serves runs.`,
      )
    }
  }
}

function baseOfOptions(options: AgentOptions): Omit<AgentDefinition, 'plugins'> {
  checkName(options.name, 'agent')
  const where = `agent '${options.name}'`
  const models = { ...(options.model && { default: options.model }), ...options.models }
  const { tools = [], settings, toolChoice, instructions, output, compact, modelTimeout, modelRetry } = options
  const policy = { retry: modelRetry ?? {}, ...(modelTimeout !== undefined && { timeout: modelTimeout }) }
  const spec: AgentSpec = {
    version: 1,
    name: options.name,
    ...(instructions !== undefined && { instructions }),
    models: Object.keys(models),
    ...(settings && { settings: toJson(settings, `${where}: settings`) as ModelSettings }),
    ...(toolChoice && { toolChoice }),
    tools: tools.map((tool) => tool.spec),
    limits: { ...options.limits, turns: options.limits?.turns ?? 50 },
    ...(output && { output: jsonSchemaOf(output, `${where}: output`) }),
    ...(compact && { compact: compact.when }),
    modelPolicy: policyOf(policy, `${where}: model`, 'repeatable'),
  }
  checkAgentNames(tools, options.name)
  return {
    spec,
    models,
    tools: toolMap(tools, options.name),
    ...(output && { output }),
    ...(compact && { compactWith: compact.with }),
    ...(options.streams && { streams: options.streams }),
    ...(options.payloads && { payloads: options.payloads }),
  }
}

/** Tools are declared and not executable; sub-agents are there whole, since they run where the loop runs. */
function baseOfSpec(spec: AgentSpec): Omit<AgentDefinition, 'plugins'> {
  const tools = spec.tools.map((tool): Tool => {
    const agent: ToolSpec['agent'] = tool.agent
    return {
      name: tool.name,
      spec: tool,
      schema: tool.inputSchema,
      ...(agent && { agent: { ...baseOfSpec(agent), plugins: [] } }),
    }
  })
  return { spec, models: {}, tools: toolMap(tools, spec.name) }
}

function toolMap(tools: readonly Tool[], agent: string): ReadonlyMap<string, Tool> {
  const map = new Map(tools.map((tool) => [tool.name, tool]))
  if (map.size === tools.length) return map
  const twice = tools.find(({ name }, index) => tools.findIndex((other) => other.name === name) !== index)
  throw invalid(`agent '${agent}' has two tools named '${twice?.name}'.`)
}

/** A worker finds the agent of a step by its name: two of one name in a tree would be taken for each other. */
function checkAgentNames(tools: readonly Tool[], top: string): void {
  const known = new Map<string, AgentDefinition | undefined>([[top, undefined]])
  const visit = (agent: AgentDefinition): void => {
    const { name } = agent.spec
    if (known.has(name) && known.get(name) !== agent) {
      throw invalid(`agent '${top}' has two agents named '${name}' in its tree: give each sub-agent a name of its own.`)
    }
    known.set(name, agent)
    for (const tool of agent.tools.values()) if (tool.agent) visit(tool.agent)
  }
  for (const tool of tools) if (tool.agent) visit(tool.agent)
}

function isSpec(options: AgentOptions | AgentSpec): options is AgentSpec {
  return 'version' in options && options.version === 1
}

function checked(input: RunInput, options: RunOptions): { readonly input: RunInput; readonly options: RunOptions } {
  const { context, messages } = options
  const runId: Json | undefined = options.runId
  if (runId !== undefined && (typeof runId !== 'string' || runId === ''))
    throw invalid('runId must be a text that is not empty.')
  return {
    // Copies: what a run was started with must not change under it.
    input: toJson(input, 'input') as unknown as RunInput,
    options: {
      ...options,
      ...(context !== undefined && { context: toJson(context, 'options.context') }),
      ...(messages && {
        messages: toJson(messages, 'options.messages') as unknown as NonNullable<RunOptions['messages']>,
      }),
    },
  }
}

function invalid(message: string): HoldfastError {
  return new HoldfastError({ code: 'CONFIG_INVALID', message })
}
