/** Makes an agent of a script, anew for each process: nothing is shared but the engine's journal and the world. */
import type { LanguageModelV4, LanguageModelV4CallOptions, LanguageModelV4Content } from '@ai-sdk/provider'
import type { AgentPlugin, Message, TaskContext, Tool, ToolContext } from 'holdfast'
import { Agent, agentTool, digest, HoldfastError, tool } from 'holdfast'
import type { AgentScript, CallScript, Script, ToolScript } from '../support/random-script.ts'
import { agentOfPath, callAt, placeOf, targetOf, toolCallIdOf } from '../support/random-script.ts'
import { rulePlugins } from './rules.ts'
import type { Process } from './world.ts'

/** `loop`: hooks and no bodies. `worker`: bodies and no hooks. */
export type Side = 'both' | 'loop' | 'worker'

const MODEL_ATTEMPTS = 2

export function buildAgent(process: Process, side: Side, extra: readonly AgentPlugin[] = []): Agent {
  // A sub-agent is one object, wherever in the tree it is called.
  const built = new Map<number, Agent>()
  const build = (index: number): Agent => {
    const known = built.get(index)
    if (known) return known
    const agent = buildOne(process, index, side, build)
    if (index === 0) for (const plugin of extra) agent.use(plugin)
    built.set(index, agent)
    return agent
  }
  return build(0)
}

function buildOne(process: Process, index: number, side: Side, build: (index: number) => Agent): Agent {
  const { script } = process
  const own = script.agents[index] as AgentScript
  const tools = script.tools.map((_, at) => buildTool(process, at, side))
  for (let sub = index + 1; sub < script.agents.length; sub++) {
    const approval = script.agents[sub]?.approval ?? false
    tools.push(agentTool(build(sub), { name: `ask${sub}`, approval }))
  }
  const agent = new Agent({
    name: `agent${index}`,
    model: side === 'loop' ? noModel() : scriptModel(process),
    modelRetry: { maxAttempts: MODEL_ATTEMPTS, initialInterval: 0 },
    tools,
    limits: { turns: own.limit },
    ...(own.output !== undefined && {
      output: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
    }),
    ...(own.compact !== undefined && {
      compact: {
        when: { messages: own.compact },
        with: (messages, context) => compactWith(process, messages, context),
      },
    }),
  })
  for (const plugin of rulePlugins(process, own.rules, side)) agent.use(plugin)
  if (side !== 'loop') agent.use(namer())
  return agent
}

/** Tells the model which step it replies to: by way of what it is shown. */
function namer(): AgentPlugin {
  return {
    name: 'namer',
    middleware: {
      model: (request, next) => {
        const { stepId, attempt, idempotencyKey: key } = request
        return next({ ...request, instructions: JSON.stringify({ stepId, attempt, key }) })
      },
    },
  }
}

function noModel(): LanguageModelV4 {
  const never = (): never => {
    throw new Error('the loop asked a model by itself')
  }
  return {
    specificationVersion: 'v4',
    provider: 'fuzz',
    modelId: 'fuzz',
    supportedUrls: {},
    doGenerate: never,
    doStream: never,
  }
}

function scriptModel(process: Process): LanguageModelV4 {
  const model = {
    specificationVersion: 'v4',
    provider: 'fuzz',
    modelId: 'fuzz',
    supportedUrls: {},
    doGenerate: async (asking: LanguageModelV4CallOptions) => {
      const [system] = asking.prompt
      const { stepId, attempt, key } = JSON.parse(system?.content as string) as {
        stepId: string
        attempt: number
        key: string
      }
      const entry = process.begin({ kind: 'model', stepId, attempt, key })
      checkPrompt(process, stepId, asking.prompt.length)
      await process.boundary()
      const [, path = '', turn = ''] = /^(.*\/)?(\d+)\/model$/.exec(stepId) ?? []
      const reply = replyOf(process.script, agentOfPath(path), Number(turn), attempt)
      process.end(entry, reply instanceof Error ? 'failed' : 'done')
      await process.boundary()
      if (reply instanceof Error) throw reply
      return {
        content: reply,
        finishReason: {
          unified: reply.some(({ type }) => type === 'tool-call') ? 'tool-calls' : 'stop',
          raw: undefined,
        },
        usage: {
          inputTokens: { total: asking.prompt.length, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
          outputTokens: { total: Number(turn), text: undefined, reasoning: undefined },
        },
        warnings: [],
      }
    },
  }
  return model as unknown as LanguageModelV4
}

/** A model is shown the whole conversation: the system message, the input, and two messages for each turn. */
function checkPrompt({ script, world, dead }: Process, stepId: string, length: number): void {
  const [, path = '', turn = ''] = /^(.*\/)?(\d+)\/model$/.exec(stepId) ?? []
  const own = script.agents[agentOfPath(path)]
  if (dead || own?.compact !== undefined || own?.output !== undefined) return
  if (length !== 2 * Number(turn)) world.broken.push(`${stepId} was shown ${length} messages`)
}

function replyOf(script: Script, agent: number, turn: number, attempt: number): LanguageModelV4Content[] | Error {
  const own = script.agents[agent] as AgentScript
  const now = own.turns[turn - 1]
  if (!now) return [{ type: 'text', text: finalOf(own, agent, turn) }]
  const { failure } = now
  if (failure?.terminal) return Object.assign(new Error('bad request'), { statusCode: 400 })
  if (failure && attempt <= failure.attempts) return Object.assign(new Error('overloaded'), { statusCode: 503 })
  const content: LanguageModelV4Content[] = [{ type: 'text', text: `turn ${turn} of ${agent}` }]
  for (const [index, call] of now.calls.entries()) content.push(toolCall(script, agent, turn, index, call))
  if (now.provider) {
    const toolCallId = `p${agent}t${turn}`
    content.push({ type: 'tool-call', toolCallId, toolName: 'search', input: '{"q":1}', providerExecuted: true })
    content.push({ type: 'tool-approval-request', approvalId: `ask-${toolCallId}`, toolCallId })
  }
  return content
}

function finalOf(own: AgentScript, agent: number, turn: number): string {
  if (own.output === undefined) return `the end of ${agent}`
  return turn - own.turns.length <= own.output ? `no JSON ${turn}` : JSON.stringify({ n: turn })
}

function toolCall(
  script: Script,
  agent: number,
  turn: number,
  index: number,
  call: CallScript,
): LanguageModelV4Content {
  const toolName = targetOf(script, agent, call)
  const toolCallId = toolCallIdOf({ agent, turn, index })
  const { attempts, value } = call
  // After a crash a `once` tool counts another execution than without: what it does must not depend on that.
  const once = script.tools[Number(toolName.slice(1))]?.once
  const does = once && call.does === 'second' ? 'fail' : call.does
  const fits = toolName.startsWith('ask') ? { prompt: `do ${toolCallId}` } : { value, does, attempts }
  const input =
    call.input === 'no-json' ? '{"value":' : JSON.stringify(call.input === 'good' ? fits : { value: 'none' })
  return { type: 'tool-call', toolCallId, toolName, input }
}

interface ToolInput {
  readonly value: number
  readonly does: CallScript['does']
  readonly attempts: number
}

const INPUT = {
  type: 'object',
  properties: { value: { type: 'integer' }, does: { type: 'string' }, attempts: { type: 'integer' } },
  required: ['value', 'does', 'attempts'],
} as const

function buildTool(process: Process, index: number, side: Side): Tool {
  const { approval, retry, once } = process.script.tools[index] as ToolScript
  const reconcile = once && once.reconcile !== 'none' ? once.reconcile : undefined
  return tool({
    name: `t${index}`,
    input: INPUT,
    ...(approval !== 'never' && {
      approval: approval === 'always' || ((input: unknown) => (input as ToolInput).value % 2 === 1),
    }),
    ...(once
      ? { effect: 'once' as const, onUnknown: once.onUnknown }
      : retry > 1 && { retry: { maxAttempts: retry, initialInterval: 0 } }),
    ...(side !== 'loop' && {
      execute: (input: unknown, context: ToolContext) => runTool(process, input as ToolInput, context),
    }),
    ...(reconcile && {
      reconcile: async (_: unknown, context: ToolContext) => {
        const entry = process.begin({ kind: 'reconcile', ...of(context) })
        await process.boundary()
        process.end(entry, 'done')
        if (reconcile === 'throws') throw new HoldfastError({ code: 'TOOL_FAILED', message: 'no answer' })
        if (reconcile === 'unknown') return { status: 'unknown' as const }
        const outputs = process.world.done.get(context.idempotencyKey)
        if (outputs) return { status: 'done' as const, output: outputs[0] }
        if (!process.dead) process.world.notDone.push(context.idempotencyKey)
        return { status: 'not-done' as const }
      },
    }),
  })
}

function of({ stepId, execution, attempt, idempotencyKey }: ToolContext | TaskContext): {
  readonly stepId: string
  readonly execution: number
  readonly attempt: number
  readonly key: string
} {
  return { stepId, execution, attempt, key: idempotencyKey }
}

async function runTool(process: Process, input: ToolInput, context: ToolContext): Promise<unknown> {
  const entry = process.begin({ kind: 'tool', ...of(context), value: input.value })
  await process.boundary(true)
  const { does, value } = input
  const error = failureOf(input, context)
  if (error) {
    process.end(entry, 'failed')
    throw error
  }
  const output = outputOf(does, value, context.idempotencyKey)
  process.end(entry, 'done', output)
  await process.boundary(true)
  return output
}

function failureOf({ does, attempts, value }: ToolInput, { attempt, execution }: ToolContext): Error | undefined {
  if (does === 'fail') return new Error(`failed with ${value}`)
  if (does === 'terminal') return new HoldfastError({ code: 'TOOL_FAILED', message: `ended with ${value}` })
  if (does === 'flaky' && attempt <= attempts) return new Error(`flaky with ${value}`)
  if (does === 'second' && execution <= attempts)
    return new HoldfastError({ code: 'TOOL_FAILED', message: `not yet ${value}` })
  return undefined
}

function outputOf(does: CallScript['does'], value: number, key: string): unknown {
  if (does === 'text') return `text ${value}`
  if (does === 'nothing') return undefined
  if (does === 'rich') return { when: new Date(value * 1000), bytes: new Uint8Array([value, 255]), $date: 'none' }
  return { value, key }
}

async function compactWith(
  process: Process,
  messages: readonly Message[],
  context: TaskContext,
): Promise<readonly Message[]> {
  const entry = process.begin({ kind: 'compact', ...of(context) })
  await process.boundary()
  process.end(entry, 'done')
  await process.boundary()
  const text = `${messages.length} messages: ${digest(messages as never)}`
  return [{ role: 'user', content: [{ type: 'text', text }] }]
}

/** The call in a script that a person is asked about. */
export function callOf(script: Script, toolCallId: string): CallScript | undefined {
  return callAt(script, placeOf(toolCallId))
}

export { MODEL_ATTEMPTS }
