/** Makes hooks of a script's rules, as plugins that count each hook in `run.state`. */
import type { AgentPlugin, Hook, HookEvents, HookName, Hooks, Step } from 'holdfast'
import { fromJson, isHoldfastError, isSuspended, settledStep, withInput, wrapStep } from 'holdfast'
import type { Action, Rule } from '../support/random-script.ts'
import type { Side } from './interpret.ts'
import type { Process } from './world.ts'

export interface State {
  readonly path: string
  /** Steps in the order in which their After… hooks were called. */
  readonly order: string
  /** Before… hooks that were called, with their steps. */
  readonly before: { readonly [hookAndStep: string]: true }
  readonly counts: { readonly [hook: string]: number }
  /** What was answered, given, caught; by where. */
  readonly seen: { readonly [where: string]: unknown }
}

const HOOKS = [
  'BeforeInvocation',
  'AfterInvocation',
  'BeforeModelCall',
  'AfterModelCall',
  'BeforeToolCall',
  'AfterToolCall',
  'BeforeWait',
  'AfterWait',
  'BeforeAgentCall',
  'AfterAgentCall',
  'BeforeTask',
  'AfterTask',
  'MessageAdded',
] as const satisfies readonly HookName[]

const ON: { readonly [N in HookName]?: Rule['on'] } = {
  BeforeInvocation: 'run',
  BeforeModelCall: 'model',
  AfterModelCall: 'model',
  BeforeToolCall: 'call',
  AfterToolCall: 'call',
  BeforeAgentCall: 'call',
  BeforeWait: 'wait',
  BeforeTask: 'task',
}

export function rulePlugins(process: Process, rules: readonly Rule[], side: Side): AgentPlugin[] {
  const plugins: AgentPlugin[] = []
  for (let number = 0; number < 3; number++) {
    const own = rules.filter(({ plugin }) => plugin === number)
    if (number > 0 && own.length === 0) continue
    plugins.push({
      name: `p${number}`,
      ...(number === 2 && { enforce: 'pre' as const }),
      ...(side !== 'worker' && { hooks: hooksOf(process, own, number) }),
      ...(side !== 'loop' && { tasks: tasksOf(process) }),
    })
  }
  return plugins
}

function tasksOf(process: Process): NonNullable<AgentPlugin['tasks']> {
  return {
    look: async (input, { stepId, execution, attempt, idempotencyKey: key }) => {
      const entry = process.begin({ kind: 'task', stepId, execution, attempt, key })
      await process.boundary()
      const { fails, where, seen } = input as { readonly fails: boolean; readonly where: string; readonly seen: number }
      process.end(entry, fails ? 'failed' : 'done')
      if (fails) throw new Error(`nothing at ${where}`)
      return { where, seen, at: new Date(0) }
    },
  }
}

function hooksOf(process: Process, rules: readonly Rule[], number: number): Hooks {
  const hooks: { [N in HookName]?: Hook<N> } = {}
  for (const name of HOOKS) {
    const own = rules.filter(({ on, does }) => on === ON[name] && (does.type === 'again') === name.startsWith('After'))
    const hook = async (event: HookEvents[HookName]): Promise<void> => {
      await process.boundary()
      count(process, event, name, number)
      for (const [index, rule] of own.entries())
        if (fits(rule, event)) await act(process, name, rule.does, event, index)
      if (name === 'AfterToolCall') noteTool(process, event as HookEvents['AfterToolCall'])
      if (name === 'AfterInvocation') report(process, event as HookEvents['AfterInvocation'], number)
    }
    hooks[name] = hook as never
  }
  return hooks as Hooks
}

function noteTool({ world, dead }: Process, { step, outcome, toolCallId }: HookEvents['AfterToolCall']): void {
  if (dead) return
  if (outcome.status === 'error') {
    if (outcome.error.code === 'OUTCOME_UNKNOWN') world.unknown.add(toolCallId)
    return
  }
  const rich = fromJson(outcome.output) as { readonly when?: unknown; readonly bytes?: unknown } | null
  if (rich?.when === undefined || (rich.when instanceof Date && rich.bytes instanceof Uint8Array)) return
  world.broken.push(`${step.id}: what it gave is no date and no bytes any more`)
}

function report(process: Process, event: HookEvents['AfterInvocation'], number: number): void {
  if (process.dead) return
  const { run, status } = event
  const state = JSON.parse(JSON.stringify(run.state)) as State
  process.world.states.set(`${state.path} p${number}`, state as never)
  const { agent, messages, usage, turn: turns } = run
  if (number === 0) process.world.ended.set(state.path, { agent, status, turns, messages, usage } as never)
}

/** What the loop does on one engine and not on another, or after a crash alone, counts for nobody. */
const OWN = new Set(['holdfast.reconcile', 'unknown-outcome'])

function count(process: Process, event: HookEvents[HookName], name: HookName, number: number): void {
  const { run } = event
  const step = (event as { readonly step?: Step }).step
  if (step && OWN.has(step.name)) return
  const { path, order, before, counts, seen }: State = run.state ?? {
    path: '',
    order: '',
    before: {},
    counts: {},
    seen: {},
  }
  const once = step && name.startsWith('Before') ? `${name} ${step.id}` : undefined
  // What a pass left must be gone when the next one begins.
  if (once !== undefined && before[once] && !process.dead)
    process.world.broken.push(`p${number} was told twice: ${once}`)
  const next = {
    path: name === 'BeforeInvocation' && step ? step.id : path,
    order: step && (name === 'AfterToolCall' || name === 'AfterAgentCall') ? `${order} ${step.id}` : order,
    before: once === undefined ? before : { ...before, [once]: true },
    counts: { ...counts, [name]: (counts[name] ?? 0) + 1 },
    seen,
  }
  // Both ways that the docs allow: assign it, or change it in place.
  if (number === 1 && run.state) Object.assign(run.state, next)
  else run.state = next
}

function see({ run }: HookEvents[HookName], where: string, what: unknown): void {
  const state = run.state as State
  run.state = { ...state, seen: { ...state.seen, [where]: JSON.parse(JSON.stringify(what ?? null)) } }
}

/** What was answered or given so far; a suspension that was caught is neither. */
function answersIn({ seen }: State): number {
  return Object.values(seen).filter((what) => what !== 'caught').length
}

function fits({ turn, index }: Rule, event: HookEvents[HookName]): boolean {
  if (turn !== 0 && turn !== event.run.turn) return false
  const step = (event as { readonly step?: Step }).step
  const [, place] = /(?:tool|agent)\/(\d+)\/[^/]+$/.exec(step?.id ?? '') ?? []
  return index === -1 || place === undefined || Number(place) === index
}

type Before = HookEvents['BeforeToolCall']

async function act(
  process: Process,
  name: HookName,
  does: Action,
  any: HookEvents[HookName],
  index: number,
): Promise<void> {
  // Rules are only made where the hook has what they need.
  const event = any as Before
  const { step } = event
  switch (does.type) {
    case 'slow':
      event.step = slowed(process, step)
      return
    case 'retry':
      event.step = retried(process, step, does.times)
      return
    case 'again':
      return askAgain(any as HookEvents['AfterToolCall'], does.when)
    case 'settle':
      event.step = settledStep(step as Step, settledOutput(step) as never) as never
      return
    case 'deny':
      if ((step as Step).kind !== 'task' || !step.name.startsWith('holdfast.')) event.denyStep(`not at ${step.id}`)
      return
    case 'sleep':
      return event.sleep(0)
    case 'cancel':
      return event.cancelRun(`enough at ${step.id}`)
    case 'throw':
      throw new Error(`broken at ${step.id}`)
    case 'compact':
      return event.run.compact()
    case 'input':
      event.step = changed(step, answersIn(event.run.state))
      return
    case 'interrupt':
      return interrupt(event, does, `${name}-${index}`)
    case 'task':
      return look(process, event, does.fails, `${name}-${index}`)
  }
}

function settledOutput(step: Step): unknown {
  if (step.kind === 'tool') return { settled: step.id }
  const { input } = step as Step<'wait'>
  if (input.type === 'timer') return { timedOut: true }
  if (input.type === 'approval') return { answer: { approved: true } }
  return { answer: input.type === 'unknown-outcome' ? { status: 'unknown' } : { settled: true } }
}

/** Another input, and yet another where something was answered since. */
function changed(step: Step<'tool'>, seen: number): Step<'tool'> {
  if ((step as Step).kind === 'model')
    return withInput(step as unknown as Step<'model'>, { settings: { temperature: 0.5 } }) as never
  const { input } = step
  if (step.kind !== 'tool' || typeof (input as { readonly value?: unknown }).value !== 'number') return step
  return withInput(step, { value: (input as { readonly value: number }).value + 1 + seen })
}

function slowed(process: Process, step: Step<'tool'>): Step<'tool'> {
  return wrapStep(step, async (run) => {
    await process.boundary()
    try {
      return await run()
    } finally {
      await process.boundary()
    }
  })
}

/** As careless as wrappers are: whatever fails is tried again, suspensions excepted. */
function retried(process: Process, step: Step<'tool'>, times: number): Step<'tool'> {
  return wrapStep(step, async (run) => {
    for (let left = times; ; left--) {
      try {
        return await run()
      } catch (error) {
        if (left === 0 || isSuspended(error)) throw error
        await process.boundary()
      }
    }
  })
}

function askAgain(event: HookEvents['AfterToolCall'], when: 'error' | 'always'): void {
  const { step, outcome, run } = event
  const where = `again ${step.id}`
  if ((run.state as State).seen[where] || step.policy.effect === 'once') return
  if (when === 'error' && outcome.status === 'ok') return
  see(event, where, true)
  event.retry()
}

async function interrupt(event: Before, does: Action & { readonly type: 'interrupt' }, where: string): Promise<void> {
  for (let round = 0; round < (does.twice ? 2 : 1); round++) {
    const name = `${where}-${round}`
    try {
      const answer = await event.interrupt({ name, data: { step: event.step.id } })
      see(event, `${event.step.id} ${name}`, answer)
    } catch (error) {
      if (!does.caught) throw error
      see(event, `${event.step.id} ${name}`, 'caught')
    }
  }
}

async function look(process: Process, event: Before, fails: boolean, where: string): Promise<void> {
  const at = `${event.step.id} ${where}`
  const seen = answersIn(event.run.state)
  try {
    const found = (await event.task('look', { where: at, fails, seen })) as { readonly seen: number }
    if (found.seen !== seen) process.world.broken.push(`${at}: asked with ${seen}, answered for ${found.seen}`)
    see(event, at, found)
  } catch (error) {
    if (isSuspended(error) || !isHoldfastError(error)) throw error
    if (!['TASK_FAILED', 'STEP_DENIED'].includes(error.code)) throw error
    see(event, at, error.code)
  }
}
