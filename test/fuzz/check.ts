/** What must hold of a script, however it is played. */
import type { CrashScript, Script } from '../support/random-script.ts'
import type { BenchMaker } from './engines.ts'
import { memory } from './engines.ts'
import { MODEL_ATTEMPTS } from './interpret.ts'
import type { Outcome, Played } from './play.ts'
import { play } from './play.ts'
import type { State } from './rules.ts'
import type { Ended } from './world.ts'
import { agentOfPath, callAt, placeOfStep, targetOf } from '../support/random-script.ts'

export interface CheckOptions {
  readonly engines: readonly BenchMaker[]
  /** Play on every engine; else on half of them, other ones for each script. */
  readonly thorough: boolean
}

/** Play a script without an engine, on each engine without a crash, and on engines with its crashes. */
export async function checkScript(script: Script, { engines, thorough }: CheckOptions): Promise<void> {
  const reference = await play(script, memory)
  checkPlay(script, reference, 'memory')
  for (const [index, engine] of engines.entries()) {
    if (!thorough && (script.seed + index) % 2 === 1) continue
    const clean = await play(script, engine)
    const where = clean.engine
    checkPlay(script, clean, where)
    same(summaryOf(script, reference), summaryOf(script, clean), `${where} against memory`)
    // Beside a sub-agent whose hook cancels the run others get as far as they get.
    if (!raced(script, clean)) same(effectsOf(reference), effectsOf(clean), `${where} against memory: effects`)
    const crashes = crashesOf(script, clean)
    const crashed = await play(script, engine, { crashes })
    checkPlay(script, crashed, `${where} after a crash`)
    compareCrashed(script, clean, crashed)
    if (!script.cancel) continue
    const cancel = { at: Math.floor(script.cancel.at * clean.boundaries), again: script.cancel.again }
    const cancelled = await play(script, engine, { crashes, cancel })
    checkPlay(script, cancelled, `${where} after a crash and a cancel`)
    compareCancelled(script, clean, cancelled)
  }
  if (!script.cancel) return
  const at = Math.floor(script.cancel.at * reference.boundaries)
  const cancelled = await play(script, memory, { cancel: { at, again: true } })
  checkPlay(script, cancelled, 'memory, cancelled')
  compareCancelled(script, reference, cancelled)
}

/** A share of the boundaries, as the number of one. */
function crashesOf({ crashes }: Script, { boundaries, inTools }: Played): CrashScript[] {
  return crashes.map(({ at, zombie, inTool }) => {
    const inside = inTool === true && inTools > 0
    return { at: 1 + Math.floor(at * (inside ? inTools : boundaries)), zombie, inTool: inside }
  })
}

function compareCrashed(script: Script, clean: Played, crashed: Played): void {
  const unknown = crashed.world.unknown
  const where = `${clean.engine} after a crash`
  same(summaryOf(script, clean, unknown), summaryOf(script, crashed, unknown), where)
  if (unknown.size === 0 && !raced(script, clean)) same(doneOf(clean), doneOf(crashed), `${where}: what was done`)
}

function compareCancelled(script: Script, clean: Played, cancelled: Played): void {
  const { outcome, engine } = cancelled
  if (outcome.status !== 'cancelled') {
    const unknown = cancelled.world.unknown
    same(summaryOf(script, clean, unknown), summaryOf(script, cancelled, unknown), `${engine}: the cancel lost`)
    return
  }
  const messages = (outcome.messages ?? []) as unknown as readonly Message[]
  checkAnswered(messages, engine)
}

interface Message {
  readonly role: string
  readonly content: readonly Part[]
}

interface Part {
  readonly type: string
  readonly toolCallId?: string
  readonly providerExecuted?: boolean
  readonly output?: { readonly type: string; readonly value?: unknown }
}

/** Each call has its result: else no model takes the conversation. */
function checkAnswered(messages: readonly Message[], where: string): void {
  for (const [index, message] of messages.entries()) {
    if (message.role !== 'assistant') continue
    const calls = message.content.filter(({ type, providerExecuted }) => type === 'tool-call' && !providerExecuted)
    const next = messages[index + 1]
    for (const { toolCallId } of calls) {
      const found = next?.content.some((part) => part.type === 'tool-result' && part.toolCallId === toolCallId)
      if (!found) throw new Error(`${where}: call ${toolCallId} has no result`)
    }
  }
}

/** All that must be equal. */
function summaryOf(script: Script, played: Played, unknown: ReadonlySet<string> = new Set()): unknown {
  const { world, outcome } = played
  const asked = [...world.asked].filter(([, input]) => (input as { readonly type: string }).type !== 'unknown-outcome')
  const all = {
    outcome,
    asked: Object.fromEntries(asked),
    ended: Object.fromEntries(world.ended),
    states: Object.fromEntries(world.states),
  }
  // What others had got to ask when one of them cancelled the run is open as well.
  const summary = raced(script, played) ? { outcome: ofRace(outcome) } : all
  return unknown.size === 0 ? summary : blank(summary, unknown)
}

/** Which of several reasons it was, and what the steps beside had come to, is open. */
function ofRace(outcome: Outcome): Outcome {
  const messages = (outcome.messages ?? []) as unknown as readonly Message[]
  const last = messages.at(-1)?.role === 'tool' ? messages.slice(0, -1) : messages
  return { ...outcome, messages: last as never, ...(outcome.reason !== undefined && { reason: 'one of them' }) }
}

/** Cancelled by a hook of a sub-agent, beside others. */
function raced(script: Script, { outcome }: Played): boolean {
  return outcome.status === 'cancelled' && script.agents.length > 1
}

/** The results of those calls are left out, and what is counted of their text. */
function blank(value: unknown, unknown: ReadonlySet<string>): unknown {
  return JSON.parse(JSON.stringify(value), (key, member: unknown) => {
    if (key === 'text' || key === 'digest')
      return typeof member === 'string' ? member.replace(/: [0-9a-f]{32}$/, '') : member
    const part = member as Part | null
    if (part && typeof part === 'object' && part.type === 'tool-result' && unknown.has(part.toolCallId ?? ''))
      return 'unknown'
    return member
  })
}

/** Bodies that were begun, by key and attempt. */
function effectsOf({ world }: Played): unknown {
  const counts: Record<string, number> = {}
  for (const { kind, key, execution = '', attempt } of world.begun) {
    const name = `${kind} ${key} ${execution} ${attempt}`
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

function doneOf({ world }: Played): unknown {
  return [...new Set(world.begun.filter(({ ended }) => ended === 'done').map(({ kind, key }) => `${kind} ${key}`))]
    .filter((name) => !name.startsWith('reconcile'))
    .sort()
}

function checkPlay(script: Script, played: Played, where: string): void {
  const { world, outcome, replay } = played
  if (world.broken.length > 0) throw new Error(`${where}: ${world.broken.join('; ')}`)
  const expected = new Set(['HOOK_FAILED', 'MODEL_FAILED'])
  if (outcome.status === 'failed' && !expected.has(outcome.error?.code ?? '')) {
    throw new Error(`${where}: failed with ${outcome.error?.code}: ${outcome.error?.message}`)
  }
  if (outcome.messages) checkAnswered(outcome.messages as unknown as readonly Message[], where)
  checkFinished(played, where)
  checkAttempts(script, played, where)
  checkOnce(script, played, where)
  checkCounts(script, played, where)
  checkApproved(script, played, where)
  checkTogether(script, played, where)
  checkUsage(played, where)
  if (!replay) return
  same(outcome, replay, `${where}: taken up once more`)
  if (world.begun.length > played.begun)
    throw new Error(`${where}: a finished run did something when it was taken up once more`)
}

/** What was recorded is never executed again, and no execution twice in one process. */
function checkFinished({ world, left }: Played, where: string): void {
  const seen = new Set<string>()
  for (const { id, process } of world.performed) {
    const key = `${process} ${id}`
    if (seen.has(key)) throw new Error(`${where}: ${id} was executed twice in process ${process}`)
    seen.add(key)
    const before = left.find((one) => one.process < process && one.recorded.has(id))
    if (before)
      throw new Error(`${where}: ${id} was recorded by process ${before.process} and executed again by ${process}`)
  }
  for (const { kind, stepId, execution, process } of world.begun) {
    // A reconcile is told the step that it is about, not its own.
    if (execution === undefined || kind === 'reconcile') continue
    const id = execution === 1 ? stepId : `${stepId}#${execution}`
    const before = left.find((one) => one.process < process && one.recorded.has(id))
    if (before) throw new Error(`${where}: the body of ${id} began again in process ${process}`)
  }
}

/** Attempts are 1, 2, … with nothing after one that was done; and no more than the policy allows. */
function checkAttempts(script: Script, { world, left }: Played, where: string): void {
  const groups = new Map<string, typeof world.begun>()
  for (const entry of world.begun) {
    if (entry.execution === undefined || entry.kind === 'reconcile') continue
    const key = `${entry.kind} ${entry.stepId}#${entry.execution} in ${entry.process}`
    groups.set(key, [...(groups.get(key) ?? []), entry])
  }
  for (const [key, entries] of groups) {
    const [first] = entries as [(typeof entries)[number]]
    const numbers = entries.map(({ attempt }) => attempt)
    if (numbers.some((attempt, index) => attempt !== index + 1))
      throw new Error(`${where}: ${key}: attempts ${numbers}`)
    if (entries.slice(0, -1).some(({ ended }) => ended === 'done'))
      throw new Error(`${where}: ${key}: went on after it was done`)
    const died = left.some(({ process, crashed }) => process === first.process && crashed)
    const [, number] = /t(\d+)$/.exec(first.stepId) ?? []
    const most = first.kind === 'tool' ? (script.tools[Number(number)]?.retry ?? 1) : 3
    const once = first.kind === 'tool' && script.tools[Number(number)]?.once
    if (numbers.length > (once ? 1 : most)) throw new Error(`${where}: ${key}: ${numbers.length} attempts`)
    const call = callAt(script, placeOfStep(first.stepId))
    const flaky =
      first.kind === 'tool' && call && (call.does === 'flaky' || call.does === 'fail') && call.answer !== 'spoil'
    const wanted = call?.does === 'fail' ? most : Math.min(most, (call?.attempts ?? 0) + 1)
    if (flaky && !died && !once && script.cancel === undefined && numbers.length < wanted && !cancels(script)) {
      throw new Error(`${where}: ${key}: ${numbers.length} attempts, ${wanted} wanted`)
    }
  }
  for (const { kind, attempt } of world.begun) {
    if (kind === 'model' && attempt > MODEL_ATTEMPTS)
      throw new Error(`${where}: a model was asked for the ${attempt}th time`)
  }
}

function cancels({ agents }: Script): boolean {
  return agents.some(({ rules }) => rules.some(({ does }) => does.type === 'cancel'))
}

/** A `once` tool takes effect once; and begins again only where somebody said that it had not, or after a failure. */
function checkOnce(script: Script, { world }: Played, where: string): void {
  for (const [number, { once }] of script.tools.entries()) {
    if (!once) continue
    const begun = world.begun.filter(({ kind, stepId }) => kind === 'tool' && stepId.endsWith(`/t${number}`))
    for (const key of new Set(begun.map((entry) => entry.key))) {
      const own = begun.filter((entry) => entry.key === key)
      const done = own.filter(({ ended }) => ended === 'done').length
      if (done > 1) throw new Error(`${where}: once tool ${key} was done ${done} times`)
      const failed = own.filter(({ ended }) => ended === 'failed').length
      const allowed = 1 + failed + world.notDone.filter((other) => other === key).length
      if (own.length > allowed)
        throw new Error(`${where}: once tool ${key} began ${own.length} times, allowed ${allowed}`)
    }
  }
}

/** What a person approved is what runs; what a person changed runs as changed. */
function checkApproved(script: Script, { world }: Played, where: string): void {
  for (const { kind, stepId, value } of world.begun) {
    if (kind !== 'tool') continue
    const asked = [...world.asked].findLast(
      ([id]) => id === `${stepId}/approval` || id.startsWith(`${stepId}/approval/`),
    )
    if (!asked) continue
    const [id, wait] = asked
    const { input } = wait as unknown as { readonly input: { readonly value: number } }
    const answer = callAt(script, placeOfStep(stepId))?.answer
    const [, number] = /t(\d+)$/.exec(stepId) ?? []
    // A hook has made an input of it since that needs nobody's leave.
    if (script.tools[Number(number)]?.approval === 'maybe' && value !== undefined && value % 2 === 0) continue
    const expected = answer === 'change' ? 7 : input.value
    if (answer === 'no' || value !== expected) {
      throw new Error(`${where}: ${id} was asked for ${input.value}, answered ${answer}, and ran with ${value}`)
    }
  }
}

/** Approvals of one batch are asked together, where no hook asks for something besides. */
function checkTogether({ agents }: Script, { world }: Played, where: string): void {
  const batches = new Map<string, number>()
  for (const [id, round] of world.askedAfter) {
    const [, path, batch] = /^((?:.*\/)?)(\d+)\/(?:tool|agent)\/\d+\/[^/]+\/approval$/.exec(id) ?? []
    if (path === undefined || (agents[agentOfPath(path)]?.rules.length ?? 0) > 0) continue
    const known = batches.get(`${path}${batch}`)
    if (known !== undefined && known !== round)
      throw new Error(`${where}: ${id} was asked later than others of its batch`)
    batches.set(`${path}${batch}`, round)
  }
}

/** The tokens of an agent are those of its turns (turn 1 says one token, turn 2 two, …) and of its sub-agents. */
function checkUsage({ world, durable }: Played, where: string): void {
  // Without an engine a sub-agent of an earlier process is not played again, and its end not told.
  if (!durable) return
  for (const [path, { status, turns, usage }] of world.ended) {
    if (status !== 'completed' && status !== 'limit') continue
    const base = path.slice(0, -'run'.length)
    let expected = (turns * (turns + 1)) / 2
    for (const [other, child] of world.ended) {
      if (other.startsWith(base) && /^\d+\/agent\/\d+\/[^/]+\/run$/.test(other.slice(base.length)))
        expected += tokensOf(child)
    }
    const counted = tokensOf({ usage })
    if (counted !== expected) throw new Error(`${where}: '${path}' used ${expected} tokens and counted ${counted}`)
  }
}

function tokensOf({ usage }: Pick<Ended, 'usage'>): number {
  return (usage as { readonly outputTokens?: number }).outputTokens ?? 0
}

/** Hooks of plugins count what there was, however often they ran for it: counted here by the script. */
function checkCounts(script: Script, { world }: Played, where: string): void {
  for (const [path, { agent, status, turns, messages }] of world.ended) {
    if (status !== 'completed' && status !== 'limit') continue
    const index = Number(agent.replace('agent', ''))
    const own = script.agents[index]
    const calls = (own?.turns.slice(0, turns) ?? []).flatMap((turn) => turn.calls)
    const names = calls.filter(({ input }) => input === 'good').map((call) => targetOf(script, index, call))
    const expected = {
      BeforeInvocation: 1,
      BeforeModelCall: turns,
      BeforeToolCall: names.filter((name) => /^t\d/.test(name)).length,
      BeforeAgentCall: names.filter((name) => name.startsWith('ask')).length,
      ...(own?.compact === undefined && { MessageAdded: (messages as unknown as readonly Message[]).length }),
    }
    for (const number of [0, 1, 2]) {
      const state = world.states.get(`${path} p${number}`) as unknown as State | undefined
      for (const [hook, count] of state ? Object.entries(expected) : []) {
        const counted = state?.counts[hook] ?? 0
        if (counted !== count)
          throw new Error(`${where}: p${number} of '${path}' counted ${hook} ${counted} times, not ${count}`)
      }
    }
  }
}

/** @throws with the first place where two values differ */
function same(a: unknown, b: unknown, where: string): void {
  const difference = differenceOf(a, b, '$')
  if (difference) throw new Error(`${where}: ${difference}`)
}

function differenceOf(a: unknown, b: unknown, path: string): string | undefined {
  if (Object.is(a, b)) return undefined
  if (!isObject(a) || !isObject(b) || Array.isArray(a) !== Array.isArray(b))
    return `${path}: ${show(a)} against ${show(b)}`
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const found = differenceOf(a[key], b[key], `${path}.${key}`)
    if (found) return found
  }
  return undefined
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 600)
}
