/**
 * The machine: an agent run as a pure function over plain JSON. `(state, outcome) -> state`, and what comes next. No
 * clock, no randomness, no I/O; it knows nobody. From its state alone a run goes on, in another process, on another engine.
 */
import { chainDigest, digest } from './digest.ts'
import type { Json } from './json.ts'
import type {
  ApprovalRequestPart,
  ApprovalResponsePart,
  AssistantMessage,
  Message,
  ToolResultOutput,
  ToolResultPart,
  Usage,
  UserMessage,
} from './message.ts'
import { addUsage } from './message.ts'
import type { AgentSpec, ToolSpec } from './spec.ts'
import type { Base, ModelOutput, ModelToolCall, OpenWait } from './step-kinds.ts'
import type { StepDescriptor } from './step.ts'

export interface RunState {
  readonly version: 1
  readonly runId: string
  /** What opens the ids of its steps: empty, or the sub-agent's step id and a slash. */
  readonly path: string
  readonly spec: AgentSpec
  readonly context: Json
  readonly status: 'running' | 'waiting' | 'completed' | 'limit' | 'cancelled'
  readonly reason?: string
  readonly turn: number
  /** Whether BeforeInvocation was called. */
  readonly begun: boolean
  /** Messages that the run was started with: a conversation to go on with, nothing new. */
  readonly given: number
  /** Events that observers were told of: numbers go on from here. */
  readonly events: number
  readonly phase: Phase
  readonly messages: readonly Message[]
  /** The prefix of `messages` that the last model call was made with. */
  readonly base: Base
  /** A hook asked to compact before the next model call. */
  readonly compacting: boolean
  readonly compactions: number
  readonly usage: Usage
  /** Input tokens of the last model call. */
  readonly inputTokens: number
  readonly output?: Json
  /** Each plugin's own JSON. */
  readonly plugins: { readonly [plugin: string]: Json }
  /** Open waits, with status `waiting`. */
  readonly waits: readonly OpenWait[]
  /**
   * What the present batch already has, by execution or wait id: of a run that waits without an engine, so that nothing that
   * was done is done again. Empty between batches.
   */
  readonly kept: { readonly [id: string]: Json }
}

export type Phase =
  | { readonly type: 'model' }
  | { readonly type: 'tools'; readonly calls: readonly ModelToolCall[]; readonly asked: readonly ApprovalRequestPart[] }
  | { readonly type: 'end' }

type ToolsPhase = Extract<Phase, { readonly type: 'tools' }>

/** What comes next. */
export type Next =
  | { readonly type: 'model'; readonly step: StepDescriptor<'model'> }
  | { readonly type: 'compact'; readonly step: StepDescriptor<'task'> }
  | { readonly type: 'tools'; readonly calls: readonly PlannedCall[]; readonly asked: readonly PlannedApproval[] }
  | { readonly type: 'end' }

export interface PlannedCall {
  readonly call: ModelToolCall
  readonly tool: ToolSpec | undefined
  /** Left out where the call is invalid: the model is told why, nothing runs. */
  readonly step?: StepDescriptor<'tool'> | StepDescriptor<'agent'>
}

/** A tool that the provider runs asks for leave. */
export interface PlannedApproval {
  readonly request: ApprovalRequestPart
  readonly waitId: string
  readonly tool: string
  readonly input: Json
}

export interface RunStart {
  readonly runId: string
  readonly path?: string
  readonly input: string | UserMessage['content']
  readonly messages?: readonly Message[]
  readonly context?: Json
}

/** The state of a run that has done nothing yet. */
export function startRun(spec: AgentSpec, start: RunStart): RunState {
  const content = typeof start.input === 'string' ? [{ type: 'text', text: start.input } as const] : start.input
  const input: readonly Message[] = content.length > 0 ? [{ role: 'user', content }] : []
  return {
    version: 1,
    runId: start.runId,
    path: start.path ?? '',
    spec,
    context: start.context ?? null,
    status: 'running',
    turn: 0,
    begun: false,
    given: start.messages?.length ?? 0,
    events: 0,
    phase: { type: 'model' },
    messages: [...(start.messages ?? []), ...input],
    base: emptyBase(spec, 0),
    compacting: false,
    compactions: 0,
    usage: {},
    inputTokens: 0,
    plugins: {},
    waits: [],
    kept: {},
  }
}

/** What is to be done in a state. */
export function nextOf(state: RunState): Next {
  if (state.status !== 'running') return { type: 'end' }
  const { phase } = state
  switch (phase.type) {
    case 'model':
      return mustCompact(state)
        ? { type: 'compact', step: compactStep(state) }
        : { type: 'model', step: modelStep(state) }
    case 'tools':
      return {
        type: 'tools',
        calls: phase.calls.map((call, index) => planCall(state, call, index)),
        asked: phase.asked.map((request, index) => planApproval(state, request, index)),
      }
    case 'end':
      return { type: 'end' }
  }
}

/** The model replied. */
export function afterModel(state: RunState, output: ModelOutput): RunState {
  const turn = state.turn + 1
  const messages = [...state.messages, output.message]
  const asked = output.message.content.filter((part) => part.type === 'approval-request')
  const next: RunState = {
    ...state,
    turn,
    messages,
    base: advanceBase(state),
    usage: addUsage(state.usage, output.usage),
    inputTokens: output.usage.inputTokens ?? 0,
  }
  if (output.calls.length > 0 || asked.length > 0) {
    return { ...next, phase: { type: 'tools', calls: output.calls, asked } }
  }
  if (state.spec.output && output.output === undefined) {
    return checkLimits({ ...next, messages: [...messages, mendOutput(output.outputInvalid)] })
  }
  return {
    ...next,
    status: 'completed',
    phase: { type: 'end' },
    ...(output.output !== undefined && { output: output.output }),
  }
}

/** The batch of tool calls settled: a result for each call, an answer for each request of the provider. */
export function afterTools(
  state: RunState,
  results: readonly ToolResultOutput[],
  answers: readonly { readonly approved: boolean; readonly reason?: string }[] = [],
): RunState {
  return checkLimits({
    ...state,
    messages: [...state.messages, toolMessage(state.phase as ToolsPhase, results, answers)],
    phase: { type: 'model' },
  })
}

/** The conversation was compacted: a new base begins. */
export function afterCompact(state: RunState, messages: readonly Message[]): RunState {
  const compactions = state.compactions + 1
  const base = emptyBase(state.spec, compactions)
  return { ...state, messages, base, compactions, compacting: false, inputTokens: 0 }
}

/** A hook answered the run as a whole: before anything was asked, or in place of a failure. */
export function afterSettled(state: RunState, output: Json): RunState {
  const text = typeof output === 'string' ? output : JSON.stringify(output)
  return {
    ...state,
    status: 'completed',
    messages: [...closeCalls(state, 'The run failed before this call had a known outcome.'), assistantMessage(text)],
    phase: { type: 'end' },
    ...(state.spec.output && { output }),
  }
}

/** The run was cancelled. Calls and requests without an answer get one, so that the conversation stays one that a model accepts. */
export function afterCancel(
  state: RunState,
  reason: string | undefined,
  known: readonly (ToolResultOutput | undefined)[] = [],
): RunState {
  return {
    ...state,
    status: 'cancelled',
    ...(reason !== undefined && { reason }),
    messages: closeCalls(state, 'The run was cancelled before this call had a known outcome.', known),
    phase: { type: 'end' },
    kept: {},
  }
}

/** The tokens that a sub-agent used count for the run, too. */
export function addTokens(state: RunState, usage: Usage): RunState {
  return { ...state, usage: addUsage(state.usage, usage) }
}

function checkLimits(state: RunState): RunState {
  const { turns, tokens } = state.spec.limits
  const used = state.usage.totalTokens ?? (state.usage.inputTokens ?? 0) + (state.usage.outputTokens ?? 0)
  const reason =
    state.turn >= turns
      ? `the limit of ${turns} model calls is reached`
      : tokens !== undefined && used >= tokens
        ? `the limit of ${tokens} tokens is reached`
        : undefined
  if (reason === undefined) return { ...state, phase: { type: 'model' } }
  return { ...state, status: 'limit', reason, phase: { type: 'end' } }
}

function modelStep(state: RunState): StepDescriptor<'model'> {
  const { spec } = state
  return {
    kind: 'model',
    id: `${state.path}${state.turn + 1}/model`,
    execution: 1,
    name: 'model',
    input: {
      model: spec.models[0] ?? 'default',
      base: state.base,
      append: state.messages.slice(state.base.length),
      ...(spec.settings && { settings: spec.settings }),
      ...(spec.toolChoice && { toolChoice: spec.toolChoice }),
    },
    policy: spec.modelPolicy,
  }
}

function mustCompact(state: RunState): boolean {
  const when = state.spec.compact
  if (!when || state.turn === 0) return false
  return (
    state.compacting ||
    (when.messages !== undefined && state.messages.length >= when.messages && state.base.length > 0) ||
    (when.inputTokens !== undefined && state.inputTokens >= when.inputTokens)
  )
}

function compactStep(state: RunState): StepDescriptor<'task'> {
  return {
    kind: 'task',
    id: `${state.path}${state.turn + 1}/compact`,
    execution: 1,
    name: 'holdfast.compact',
    input: { base: { ...state.base }, append: state.messages.slice(state.base.length) as unknown as Json },
    policy: { ...state.spec.modelPolicy },
  }
}

function planCall(state: RunState, call: ModelToolCall, index: number): PlannedCall {
  const tool = state.spec.tools.find(({ name }) => name === call.toolName)
  if (!tool || call.invalid !== undefined) return { call, tool }
  const kind = tool.type === 'agent' ? 'agent' : 'tool'
  const step = {
    kind,
    id: `${state.path}${state.turn}/${kind}/${index}/${tool.name}`,
    execution: 1,
    name: tool.name,
    input: call.input,
    policy: tool.policy,
  } as StepDescriptor<'tool'> | StepDescriptor<'agent'>
  return { call, tool, step }
}

function planApproval(state: RunState, request: ApprovalRequestPart, index: number): PlannedApproval {
  const reply = state.messages[state.messages.length - 1] as AssistantMessage
  const call = reply.content.find((part) => part.type === 'tool-call' && part.toolCallId === request.toolCallId)
  const known = call?.type === 'tool-call' ? call : undefined
  return {
    request,
    waitId: `${state.path}${state.turn}/provider/${index}/approval`,
    tool: known?.toolName ?? 'unknown',
    input: known?.input ?? null,
  }
}

function toolMessage(
  { calls, asked }: ToolsPhase,
  results: readonly ToolResultOutput[],
  answers: readonly { readonly approved: boolean; readonly reason?: string }[],
): Message {
  const parts: ToolResultPart[] = calls.map((call, index) => ({
    type: 'tool-result',
    toolCallId: call.toolCallId,
    toolName: call.toolName,
    output: results[index] ?? { type: 'error-text', value: 'No result.' },
  }))
  const responses: ApprovalResponsePart[] = asked.map(({ approvalId }, index) => ({
    type: 'approval-response',
    approvalId,
    approved: answers[index]?.approved ?? false,
    ...(answers[index]?.reason !== undefined && { reason: answers[index].reason }),
  }))
  return { role: 'tool', content: [...parts, ...responses] }
}

/** The conversation with an answer to each call that has none, so that a model accepts it. */
function closeCalls(
  state: RunState,
  value: string,
  known: readonly (ToolResultOutput | undefined)[] = [],
): readonly Message[] {
  const { phase, messages } = state
  if (phase.type !== 'tools') return messages
  const results = phase.calls.map((_, index): ToolResultOutput => known[index] ?? { type: 'error-text', value })
  return [...messages, toolMessage(phase, results, [])]
}

function assistantMessage(text: string): Message {
  return { role: 'assistant', content: [{ type: 'text', text }] }
}

function mendOutput(problem: string | undefined): UserMessage {
  const text = `Your reply is not the JSON that was asked for: ${problem ?? 'no JSON'}. Reply with the corrected JSON alone.`
  return { role: 'user', content: [{ type: 'text', text }] }
}

/** The base after a model call: all that it was shown. */
function advanceBase(state: RunState): Base {
  let chained = state.base.digest
  for (let i = state.base.length; i < state.messages.length; i++) {
    chained = chainDigest(chained, state.messages[i] as unknown as Json)
  }
  return { length: state.messages.length, digest: chained }
}

const specDigests = new WeakMap<AgentSpec, string>()

/** Nothing said yet: the digest stands for the spec, so that equal digests mean equal prompts. */
function emptyBase(spec: AgentSpec, compactions: number): Base {
  let known = specDigests.get(spec)
  if (known === undefined) {
    known = digest(spec as unknown as Json)
    specDigests.set(spec, known)
  }
  return { length: 0, digest: compactions === 0 ? known : chainDigest(known, compactions) }
}
