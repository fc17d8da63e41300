/** What the workflow keeps of the runs that are in it: what people, workers and clients may ask for. */
import {
  CancellationScope,
  defineQuery,
  defineSignal,
  defineUpdate,
  setHandler,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow'
import type {
  AgentSpec,
  Base,
  ErrorJson,
  Json,
  Message,
  RunInfo,
  StepRecord,
  WaitInput,
  WaitOutput,
} from '../../index.ts'
import { digest } from '../../index.ts'
import { STATUS as STATUS_ATTRIBUTE } from './attributes.ts'
import { refuse } from './failures.ts'
import type {
  AgentWorkflowInput,
  MessagesPage,
  MessagesQuery,
  PinnedAnswer,
  RespondArgument,
  RunMemo,
  StatusAnswer,
  TemporalRunOptions,
} from './protocol.ts'
import { CANCEL, CANCELLED, MEMO, MESSAGES, PINNED, pageOf, RESPOND, sizeOf, STATUS, UNPARK } from './protocol.ts'
import type { Names } from './naming.ts'
import { checkAnswer } from './answers.ts'

export interface PendingAnswer {
  readonly input: WaitInput
  settle(output: WaitOutput): void
}

/** One call of `agent.run()` in a workflow. */
export class LiveRun {
  readonly root: string
  readonly info: RunInfo
  readonly options: TemporalRunOptions
  /** What the workflow was started with, where it is known: what is needed to go on as a new workflow run. */
  readonly start: AgentWorkflowInput | undefined
  /** Those that a person answers; a timer is none. */
  readonly waits: Map<string, PendingAnswer> = new Map()
  readonly answered: Set<string> = new Set()
  /** What runs now and ends with a cancel. */
  readonly scopes: Set<CancellationScope> = new Set()
  /** Conversations of the steps that are scheduled, by execution. */
  readonly scheduled: Map<string, { readonly base: Base; readonly run: RunInfo; messages(): readonly Message[] }> =
    new Map()
  /** `once` steps that no worker knew, by execution. */
  readonly lacking: Map<string, ErrorJson> = new Map()
  /** Executions that lost their worker again and again. */
  readonly parked: Map<string, ErrorJson> = new Map()
  readonly names: Names = new Map()
  /** Of each agent the bases that workers may know. */
  readonly bases: Map<RunInfo, Set<string>> = new Map()
  readonly specs: Map<string, AgentSpec> = new Map()
  /** What is done, for a new workflow run. */
  readonly records: Map<string, StepRecord> = new Map()
  readonly settled: Map<string, Json> = new Map()
  /** What is done does not fit into the argument of a new workflow run: it stays in this one. */
  tooLong = false
  /** Whether what happens was done by an earlier workflow run. */
  carrying: boolean
  readonly #texts = new Map<string, string>()
  #sizeOfContext: number | undefined
  readonly #digests = new WeakMap<AgentSpec, string>()

  constructor(root: string, info: RunInfo, options: TemporalRunOptions, start: AgentWorkflowInput | undefined) {
    this.root = root
    this.info = info
    this.options = options
    this.start = start
    this.carrying = start?.carried !== undefined
  }

  /** The spec's digest, under which a worker can ask for it. */
  specDigest(spec: AgentSpec): string {
    let known = this.#digests.get(spec)
    if (known === undefined) {
      known = digest(spec as unknown as Json)
      this.#digests.set(spec, known)
      this.specs.set(known, spec)
    }
    return known
  }

  /** It is that of the run, so it is measured once. */
  sizeOfContext(context: Json): number {
    this.#sizeOfContext ??= sizeOf(context)
    return this.#sizeOfContext
  }

  page({ execution, known, offset }: MessagesQuery): MessagesPage {
    const asked = this.scheduled.get(execution)
    if (!asked) throw new Error(`step ${execution} is not scheduled`)
    const { base, run } = asked
    const isPrefix = known && known.length <= base.length && this.bases.get(run)?.has(baseKey(known))
    const from = isPrefix ? known.length : 0
    const key = `${execution} ${from}`
    let text = this.#texts.get(key)
    if (text === undefined) {
      text = JSON.stringify(asked.messages().slice(from))
      this.#texts.set(key, text)
    }
    const page = pageOf(text, offset)
    if (offset + page.length >= text.length) this.#texts.delete(key)
    return { from, text: page, total: text.length }
  }

  /** Tell those who list runs: what the run does now, or how it ended. */
  tellStatus(status: string = statusNow()): void {
    const memo = workflowInfo().memo?.[MEMO] as RunMemo | undefined
    if (!memo || memo.status === status) return
    upsertMemo({ [MEMO]: { ...memo, status } })
    if (this.options.searchAttributes) upsertSearchAttributes([{ key: STATUS_ATTRIBUTE, value: status }])
  }

  cancelScopes(): void {
    for (const scope of [...this.scopes]) scope.cancel()
  }
}

export function baseKey({ length, digest: chained }: Base): string {
  return `${length} ${chained}`
}

const respondUpdate = defineUpdate<void, [RespondArgument]>(RESPOND)
const cancelSignal = defineSignal<[string?]>(CANCEL)
const unparkUpdate = defineUpdate<void>(UNPARK)
const statusQuery = defineQuery<StatusAnswer>(STATUS)
const cancelledQuery = defineQuery<boolean, [string]>(CANCELLED)
const messagesQuery = defineQuery<MessagesPage, [MessagesQuery]>(MESSAGES)
const pinnedQuery = defineQuery<PinnedAnswer, [string]>(PINNED)

/** All runs of this workflow, by run id; mostly one. */
const runs = new Map<string, LiveRun>()

export function liveRun(runId: string): LiveRun {
  const live = runs.get(runId)
  if (!live) throw new Error(`run ${runId} is not in this workflow`)
  return live
}

/** What the steps of a run gave, also of one that has ended. */
export function namesOf(runId: string): Names {
  return runs.get(runId)?.names ?? new Map()
}

/** The agent whose run an event belongs to: of a sub-agent's event, the one that has it. */
export function rootOf(eventRunId: string): string {
  for (const [runId, { root }] of runs) if (eventRunId === runId || eventRunId.startsWith(`${runId}/`)) return root
  return ''
}

/** Whether what happens now in this workflow is told for the second time. */
export function isCarrying(): boolean {
  return [...runs.values()].some(({ carrying }) => carrying)
}

export function openRun(live: LiveRun): void {
  runs.set(live.info.runId, live)
  live.info.signal.addEventListener('abort', () => live.cancelScopes(), { once: true })
  CancellationScope.current().cancelRequested.catch(() => live.info.cancel())
  setHandler(respondUpdate, respond, { validator: checkRespond, description: 'Answer a wait of the agent' })
  setHandler(cancelSignal, (reason) => {
    for (const { info } of runs.values()) info.cancel(reason)
  })
  setHandler(unparkUpdate, () => {
    for (const { parked } of runs.values()) parked.clear()
  })
  setHandler(statusQuery, status, { description: 'What the agent does, and what it waits for' })
  setHandler(cancelledQuery, (runId) => runs.get(runId)?.info.signal.aborted ?? true)
  setHandler(messagesQuery, (query) => {
    const asked = [...runs.values()].find(({ scheduled }) => scheduled.has(query.execution))
    if (!asked) throw new Error(`step ${query.execution} is not scheduled`)
    return asked.page(query)
  })
  setHandler(pinnedQuery, (of) => {
    for (const { specs, info } of runs.values()) {
      const spec = specs.get(of)
      if (spec) return { spec, context: info.context }
    }
    throw new Error(`no spec ${of} in this workflow`)
  })
}

/** Nobody answers, asks or cancels what is over. */
export function closeRun(live: LiveRun): void {
  live.carrying = false
  if (runs.get(live.info.runId) === live && runs.size > 1) runs.delete(live.info.runId)
}

/** Of all that goes on at the same time, what needs somebody comes first. */
function statusNow(): 'parked' | 'waiting' | 'running' {
  const all = [...runs.values()]
  if (all.some(({ parked }) => parked.size > 0)) return 'parked'
  return all.some(({ waits }) => waits.size > 0) ? 'waiting' : 'running'
}

function status(): StatusAnswer {
  const all = [...runs.values()]
  const waits = all.flatMap((live) => [...live.waits].map(([id, { input }]) => ({ id, input })))
  const [parked] = all.flatMap((live) => [...live.parked.values()])
  const [lacking] = all.flatMap((live) => [...live.lacking.values()])
  const error = parked ?? lacking
  const now = lacking && !parked ? 'blocked' : statusNow()
  return { agent: all[0]?.root ?? '', status: now, waits, ...(error && { error }) }
}

function checkRespond({ waitId, answer }: RespondArgument): void {
  const all = [...runs.values()]
  const pending = all.map(({ waits }) => waits.get(waitId)).find((wait) => wait)
  if (pending) {
    checkAnswer(pending.input, answer)
    return
  }
  const known = all.some(({ answered }) => answered.has(waitId))
  const open = status().waits.map(({ id }) => id)
  refuse({
    code: known ? 'WAIT_ANSWERED' : 'WAIT_NOT_FOUND',
    kind: 'terminal',
    message: known
      ? `'${waitId}' has an answer already: nothing was changed.`
      : `run '${workflowInfo().workflowId}' does not wait for '${waitId}'. Open waits: ${open.join(', ') || 'none'}.`,
    details: { waitId },
  })
}

function respond({ waitId, answer }: RespondArgument): void {
  for (const live of runs.values()) {
    const pending = live.waits.get(waitId)
    if (!pending) continue
    live.waits.delete(waitId)
    live.answered.add(waitId)
    pending.settle({ answer: checkAnswer(pending.input, answer) })
    return
  }
}
