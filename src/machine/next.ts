/** What comes next in a state: the steps that are to be done. Their ids come from position alone. */
import type { Json } from '../json.ts'
import type { ApprovalRequestPart, AssistantMessage } from '../message.ts'
import type { ToolSpec } from '../spec.ts'
import type { StepDescriptor } from '../step.ts'
import type { ModelToolCall } from '../step-kinds.ts'
import type { RunState } from './state.ts'

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
