/** Random agent scripts: plain data that says what models, tools, hooks, people and crashes do in one run. */
import fc from 'fast-check'

export interface Script {
  /** Of the latencies, which differ in each process. */
  readonly seed: number
  /** The main agent; then sub-agents, which those before them may call. */
  readonly agents: readonly AgentScript[]
  readonly tools: readonly ToolScript[]
  /** Which of the open waits a person answers at a time. */
  readonly answers: 'all' | 'first' | 'last'
  /** Where each process dies, as a share of the boundaries that a run without a crash has. */
  readonly crashes: readonly CrashScript[]
  readonly cancel?: { readonly at: number; readonly again: boolean }
}

export interface CrashScript {
  readonly at: number
  /** Of the boundaries in the bodies of tools. */
  readonly inTool?: boolean
  /** What the dead process still had on its way goes on, and may try to write. */
  readonly zombie: boolean
}

export interface AgentScript {
  readonly turns: readonly TurnScript[]
  readonly limit: number
  /** Structured output, after so many replies that are no JSON. */
  readonly output?: number
  /** Compact from so many messages on. */
  readonly compact?: number
  /** Of a sub-agent: calls of it want an approval. */
  readonly approval: boolean
  readonly rules: readonly Rule[]
}

export interface TurnScript {
  readonly calls: readonly CallScript[]
  readonly failure?: { readonly attempts: number; readonly terminal: boolean }
  /** The provider asks for leave to run a tool of its own. */
  readonly provider?: boolean
}

export interface CallScript {
  /** Which tool or sub-agent; counted around. */
  readonly to: number
  readonly value: number
  /** `flaky`: the first attempts fail. `second`: the first execution fails. */
  readonly does: 'value' | 'text' | 'rich' | 'nothing' | 'fail' | 'terminal' | 'flaky' | 'second'
  readonly attempts: number
  readonly input: 'good' | 'no-fit' | 'no-json'
  readonly answer: 'yes' | 'no' | 'change' | 'spoil'
  /** Whether a person who is asked for an unknown outcome knows it. */
  readonly known: boolean
}

export interface ToolScript {
  readonly approval: 'never' | 'always' | 'maybe'
  readonly retry: number
  readonly once?: { readonly reconcile: 'none' | 'truth' | 'unknown' | 'throws'; readonly onUnknown: 'wait' | 'error' }
}

export interface Rule {
  readonly on: 'run' | 'model' | 'call' | 'wait' | 'task'
  /** 0: every turn. */
  readonly turn: number
  /** Of the call in its batch; -1: each. */
  readonly index: number
  readonly plugin: number
  readonly does: Action
}

export type Action =
  | { readonly type: 'slow' | 'settle' | 'deny' | 'sleep' | 'cancel' | 'throw' | 'compact' | 'input' }
  | { readonly type: 'retry'; readonly times: number }
  | { readonly type: 'again'; readonly when: 'error' | 'always' }
  | { readonly type: 'interrupt'; readonly caught: boolean; readonly twice: boolean }
  | { readonly type: 'task'; readonly fails: boolean }

type Weighted<T> = { readonly weight: number; readonly arbitrary: fc.Arbitrary<T> }

/** The first is the simplest: what is shrunk ends there. */
function often<T>(first: T, ...rest: readonly (readonly [number, T])[]): fc.Arbitrary<T> {
  const weighted: Weighted<T>[] = [{ weight: 6, arbitrary: fc.constant(first) }]
  for (const [weight, value] of rest) weighted.push({ weight, arbitrary: fc.constant(value) })
  return fc.oneof({ withCrossShrink: true }, ...weighted)
}

const share = fc.integer({ min: 0, max: 999 }).map((n) => n / 1000)

/** One time in so many. */
function maybe<T>(arbitrary: fc.Arbitrary<T>, times: number): fc.Arbitrary<T | undefined> {
  const nothing = { weight: times - 1, arbitrary: fc.constant(undefined) }
  return fc.oneof({ withCrossShrink: true }, nothing, { weight: 1, arbitrary })
}

/** `undefined` members left out, as `exactOptionalPropertyTypes` wants it. */
function compactRecord<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T
}

const call: fc.Arbitrary<CallScript> = fc.record({
  to: fc.integer({ min: 0, max: 11 }),
  value: fc.integer({ min: 0, max: 3 }),
  does: often<CallScript['does']>(
    'value',
    [1, 'text'],
    [1, 'rich'],
    [1, 'nothing'],
    [2, 'fail'],
    [1, 'terminal'],
    [2, 'flaky'],
    [2, 'second'],
  ),
  attempts: fc.integer({ min: 1, max: 3 }),
  input: fc.oneof(
    { withCrossShrink: true },
    { weight: 20, arbitrary: fc.constant<CallScript['input']>('good') },
    { weight: 1, arbitrary: fc.constantFrom<CallScript['input'][]>('no-fit', 'no-json') },
  ),
  answer: often<CallScript['answer']>('yes', [2, 'no'], [2, 'change'], [1, 'spoil']),
  known: fc.boolean(),
})

const turn: fc.Arbitrary<TurnScript> = fc
  .record({
    calls: fc.array(call, { minLength: 1, maxLength: 3 }),
    failure: maybe(
      fc.record({
        attempts: fc.integer({ min: 1, max: 3 }),
        terminal: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
      }),
      10,
    ),
    provider: maybe(fc.constant(true), 25),
  })
  .map((value) => compactRecord(value) as TurnScript)

const tool: fc.Arbitrary<ToolScript> = fc
  .record({
    approval: often<ToolScript['approval']>('never', [2, 'always'], [2, 'maybe']),
    retry: fc.integer({ min: 1, max: 3 }),
    once: maybe(
      fc.record({
        reconcile: often<'none' | 'truth' | 'unknown' | 'throws'>('none', [6, 'truth'], [2, 'unknown'], [1, 'throws']),
        onUnknown: often<'wait' | 'error'>('wait', [3, 'error']),
      }),
      3,
    ),
  })
  .map((value) => compactRecord(value) as ToolScript)

const ask = fc.record({
  type: fc.constant('interrupt' as const),
  caught: often(false, [2, true]),
  twice: often(false, [1, true]),
})
const task = fc.record({ type: fc.constant('task' as const), fails: often(false, [2, true]) })
const retry = fc.record({ type: fc.constant('retry' as const), times: fc.integer({ min: 1, max: 2 }) })
const again = fc.record({
  type: fc.constant('again' as const),
  when: fc.constantFrom<('error' | 'always')[]>('error', 'always'),
})

function plain<T extends 'slow' | 'settle' | 'deny' | 'sleep' | 'cancel' | 'throw' | 'compact' | 'input'>(
  type: T,
): fc.Arbitrary<{ readonly type: T }> {
  return fc.constant({ type })
}

function actions(
  on: Rule['on'],
  ...weighted: readonly (readonly [number, fc.Arbitrary<Action>])[]
): fc.Arbitrary<Rule> {
  return fc.record({
    on: fc.constant(on),
    turn: often(0, [2, 1], [2, 2], [1, 3]),
    index: often(-1, [2, 0], [2, 1], [1, 2]),
    plugin: fc.integer({ min: 0, max: 2 }),
    does: fc.oneof(...weighted.map(([weight, arbitrary]) => ({ weight, arbitrary }))),
  })
}

const rule: fc.Arbitrary<Rule> = fc.oneof(
  {
    weight: 8,
    arbitrary: actions(
      'call',
      [3, plain('slow')],
      [3, retry],
      [2, again],
      [2, plain('input')],
      [3, ask],
      [3, task],
      [2, plain('sleep')],
      [2, plain('deny')],
      [1, plain('settle')],
      [1, plain('cancel')],
      [1, plain('throw')],
      [1, plain('compact')],
    ),
  },
  {
    weight: 4,
    arbitrary: actions(
      'model',
      [3, plain('slow')],
      [3, retry],
      [2, again],
      [2, plain('input')],
      [3, ask],
      [3, task],
      [2, plain('sleep')],
      [1, plain('cancel')],
      [1, plain('throw')],
      [2, plain('compact')],
    ),
  },
  {
    weight: 2,
    arbitrary: actions('run', [2, plain('slow')], [3, ask], [3, task], [2, plain('sleep')], [1, plain('cancel')]),
  },
  { weight: 2, arbitrary: actions('wait', [3, plain('slow')], [1, plain('settle')]) },
  { weight: 2, arbitrary: actions('task', [3, plain('slow')], [1, plain('deny')], [2, retry]) },
)

/** A hook that changes or asks something else once a person has answered what it asked before an earlier call. */
const pair: fc.Arbitrary<readonly Rule[]> = fc
  .record({
    turn: often(0, [2, 1], [1, 2]),
    plugin: fc.integer({ min: 0, max: 1 }),
    later: fc.constantFrom<Action[]>({ type: 'input' }, { type: 'task', fails: false }),
  })
  .map(({ turn, plugin, later }) => [
    { on: 'call', turn, index: 0, plugin, does: { type: 'interrupt', caught: false, twice: false } },
    { on: 'call', turn, index: 1, plugin, does: later },
  ])

const rules: fc.Arbitrary<readonly Rule[]> = fc
  .array(
    fc.oneof({ weight: 8, arbitrary: rule.map((one): readonly Rule[] => [one]) }, { weight: 1, arbitrary: pair }),
    { maxLength: 3 },
  )
  .map((groups) => groups.flat())

const agent: fc.Arbitrary<AgentScript> = fc
  .record({
    turns: fc.array(turn, { maxLength: 3 }),
    limit: often(12, [1, 2], [1, 3]),
    output: maybe(fc.integer({ min: 0, max: 2 }), 6),
    compact: maybe(fc.integer({ min: 2, max: 6 }), 5),
    approval: often(false, [2, true]),
    rules,
  })
  .map((value) => compactRecord(value) as AgentScript)

/** Scripts with one crash or a few. */
export const script: fc.Arbitrary<Script> = fc
  .record({
    seed: fc.nat({ max: 0xffff }),
    agents: fc.array(agent, { minLength: 1, maxLength: 3 }),
    tools: fc.array(tool, { minLength: 1, maxLength: 3 }),
    answers: often<Script['answers']>('all', [2, 'first'], [2, 'last']),
    crashes: fc.array(fc.record({ at: share, zombie: fc.boolean(), inTool: often(false, [3, true]) }), {
      minLength: 1,
      maxLength: 3,
    }),
    cancel: maybe(fc.record({ at: share, again: fc.boolean() }), 8),
  })
  .map((value) => compactRecord(value) as Script)

/** The place of a call in the script: part of its `toolCallId`. */
export interface Place {
  readonly agent: number
  readonly turn: number
  readonly index: number
}

export function toolCallIdOf({ agent, turn, index }: Place): string {
  return `a${agent}t${turn}c${index}`
}

export function placeOf(toolCallId: string): Place | undefined {
  const [, agent, turn, index] = /^a(\d+)t(\d+)c(\d+)$/.exec(toolCallId) ?? []
  if (agent === undefined) return undefined
  return { agent: Number(agent), turn: Number(turn), index: Number(index) }
}

/** The place of the innermost call in a step id, e.g. `2/agent/0/ask1/1/tool/0/t0`. */
export function placeOfStep(stepId: string): Place | undefined {
  const [, path = '', turn, index] = /^(.*\/)?(\d+)\/(?:tool|agent)\/(\d+)\/[^/]+$/.exec(stepId) ?? []
  if (turn === undefined) return undefined
  return { agent: agentOfPath(path), turn: Number(turn), index: Number(index) }
}

/** Which agent the steps under a path belong to. */
export function agentOfPath(path: string): number {
  const [, sub] = /ask(\d+)(?:#\d+)?\/$/.exec(path) ?? []
  return sub === undefined ? 0 : Number(sub)
}

export function callAt(all: Script, place: Place | undefined): CallScript | undefined {
  return place && all.agents[place.agent]?.turns[place.turn - 1]?.calls[place.index]
}

/** What a call is of: a tool, a sub-agent, or a tool that does not exist. */
export function targetOf(all: Script, agentIndex: number, { to }: CallScript): string {
  const names = all.tools.map((_, index) => `t${index}`)
  for (let sub = agentIndex + 1; sub < all.agents.length; sub++) names.push(`ask${sub}`)
  // Rarely: two turns of the wheel.
  if (to === 11) return 'ghost'
  return names[to % names.length] as string
}
