/** The state of a run: plain JSON, complete. */
import { chainDigest, digest } from '../digest.ts'
import type { Json } from '../json.ts'
import type { ApprovalRequestPart, Message, Usage, UserMessage } from '../message.ts'
import type { AgentSpec } from '../spec.ts'
import type { Base, ModelToolCall, OpenWait } from '../step-kinds.ts'

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
  /** What its hooks had asked for, and been given, by id: of a run that goes on from its state, they wrap what is left of it. */
  readonly asked: { readonly [id: string]: Json }
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

export type ToolsPhase = Extract<Phase, { readonly type: 'tools' }>

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
    asked: {},
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

/** What a run began with, as far as it is still there: a compaction leaves nothing of it. */
export function beginningOf(state: RunState): RunState {
  const { given, messages } = state
  const first = messages.findIndex(({ role }, index) => role === 'assistant' && index >= given)
  const begun = first < 0 ? messages : messages.slice(0, first)
  return { ...state, turn: 0, phase: { type: 'model' }, usage: {}, messages: begun }
}

/** The base after a model call: all that it was shown. */
export function advanceBase(state: RunState): Base {
  let chained = state.base.digest
  for (let i = state.base.length; i < state.messages.length; i++) {
    chained = chainDigest(chained, state.messages[i] as unknown as Json)
  }
  return { length: state.messages.length, digest: chained }
}

const specDigests = new WeakMap<AgentSpec, string>()

/** Nothing said yet: the digest stands for the spec, so that equal digests mean equal prompts. */
export function emptyBase(spec: AgentSpec, compactions: number): Base {
  let known = specDigests.get(spec)
  if (known === undefined) {
    known = digest(spec as unknown as Json)
    specDigests.set(spec, known)
  }
  return { length: 0, digest: compactions === 0 ? known : chainDigest(known, compactions) }
}
