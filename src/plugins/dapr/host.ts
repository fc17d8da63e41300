/** The workflow that a run is in: what the steps of its runs share, and what it tells those outside. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { WorkflowContext } from '@dapr/dapr'
import type {
  AgentSpec,
  Base,
  ErrorJson,
  Json,
  Message,
  OpenWait,
  RunInfo,
  StepRecord,
  StreamSink,
} from '../../index.ts'
import { digest, HoldfastError } from '../../index.ts'
import type { Tasks } from './bridge.ts'
import type { Conversation } from './conversations.ts'
import { endOf, keepBase, keepRow } from './conversations.ts'
import { stopHere } from './here.ts'
import { heldIfLarge } from './starts.ts'
import type { Doings, Past, Pasts } from './past.ts'
import { NOTHING } from './past.ts'
import type { AgentWorkflowInput, ConversationEnd, LiveStatus, RunEvent, StepReply } from './protocol.ts'
import { EVENT, INLINE, INLINE_LATER, inputKey, MANY, sizeOf } from './protocol.ts'
import { readRecord } from './records.ts'
import type { RunRows } from './run-rows.ts'
import { pagesOf } from './run-rows.ts'

const current = new AsyncLocalStorage<WorkflowHost>()

/** What the workflow has beside its tasks: the state store, and what earlier executions of it did. */
export interface HostOptions {
  readonly rows: RunRows
  readonly pasts: Pasts
  readonly streams?: StreamSink
  /** What it was started with, where that is known. */
  readonly start?: AgentWorkflowInput
  readonly past?: Past
  /** Whether it may go on as a new execution: it is the run of one agent, and nothing else. */
  readonly continues?: boolean
}

/** Activities after which a run goes on as a new execution. */
const CONTINUE_AFTER = 50

export class WorkflowHost {
  readonly context: WorkflowContext
  readonly tasks: Tasks
  /** Tells this run from others that had its id. */
  readonly nonce: string
  readonly past: Past
  readonly doings: Doings = { records: new Map(), waits: new Map() }
  readonly #options: HostOptions
  readonly #rowDigest: string | undefined
  /** By run id; mostly one. */
  readonly #runs = new Map<string, { readonly root: string; readonly info: RunInfo }>()
  readonly #waits = new Map<string, OpenWait>()
  readonly #woken = new Map<string, () => void>()
  readonly #blocked = new Map<string, ErrorJson>()
  readonly #digests = new WeakMap<AgentSpec, string>()
  /** By execution: keeps the rows with what its step is given. */
  readonly #held = new Map<string, () => Promise<unknown>>()
  #bytes = 0
  #inRows: boolean
  #inPast: boolean
  #cancelled: { readonly reason?: string } | undefined
  #agent = ''

  constructor(context: WorkflowContext, tasks: Tasks, nonce: string, options: HostOptions) {
    this.context = context
    this.tasks = tasks
    this.nonce = nonce
    this.past = options.past ?? NOTHING
    this.#inPast = this.past !== NOTHING
    this.#inRows = options.start?.rows === true
    this.#options = options
    this.#rowDigest = options.start && this.specDigest(options.start.spec)
    tasks.on(EVENT, (payload) => this.#hear(payload as RunEvent))
  }

  /** Runs `body` with this as its workflow: `daprDurabilityPlugin()` finds it. */
  run<T>(body: () => Promise<T>): Promise<T> {
    return current.run(this, body)
  }

  open(root: string, info: RunInfo): void {
    this.#agent ||= root
    this.#runs.set(info.runId, { root, info })
    this.#tell()
    if (this.#cancelled) info.cancel(this.#cancelled.reason)
  }

  /** The agent whose run it is; empty before that has begun. */
  get agent(): string {
    return this.#agent
  }

  /** Whether what happens now happened before. */
  get isReplaying(): boolean {
    return this.#inPast || this.context.isReplaying()
  }

  /** When the present turn began. */
  get now(): number {
    return this.context.getCurrentUtcDateTime().getTime()
  }

  /** What is done now was not done by an earlier execution. Gives whether it is the first such thing. */
  goesOn(): boolean {
    const isFirst = this.#inPast
    this.#inPast = false
    return isFirst
  }

  /** What came into the history. */
  count(reply: StepReply): void {
    this.#bytes += sizeOf(reply)
  }

  /** Whether the run has a row with what it was started with, which is that of this agent. */
  hasRow(run: RunInfo): boolean {
    const { start } = this.#options
    const root = this.#runs.get(run.runId)
    if (!start || !root || run.runId !== start.runId) return false
    return this.specDigest(root.info.spec) === this.#rowDigest && sameJson(root.info.context, start.context ?? null)
  }

  /** Before a model call: whether the history is long, and nothing else is under way. */
  shouldLeave(run: RunInfo): boolean {
    const { start, continues } = this.#options
    if (!start || !continues || this.#runs.get(run.runId)?.info !== run) return false
    const isLong =
      this.tasks.spent.activities >= (start.options?.continueAfter ?? CONTINUE_AFTER) || this.#historyBytes >= MANY
    return isLong && !run.signal.aborted && this.tasks.isQuiet
  }

  /** Goes on as a new execution, which begins with an empty history. */
  async leave(): Promise<never> {
    const { pasts, start } = this.#options
    const { past: parts = [], ...rest } = start as AgentWorkflowInput
    const past = await this.tasks.direct(() => pasts.keep(this.nonce, parts, this.past, this.doings))
    return this.tasks.leave(heldIfLarge({ ...rest, past, ...(this.#inRows && { rows: true }) }))
  }

  /** Bytes up to which something goes through the history as it is. */
  get inline(): number {
    return this.#historyBytes < MANY ? INLINE : INLINE_LATER
  }

  get #historyBytes(): number {
    return this.tasks.spent.bytes + this.#bytes
  }

  /** Whether what is said is in rows, beside the memory of this process: a worker lacked something. */
  get inRows(): boolean {
    return this.#inRows
  }

  /** Puts what is new of a conversation into a row, before Dapr has its turn; gives the end under which it is there. */
  hold(conversation: Conversation): ConversationEnd {
    this.#write(() => keepRow(this.#options.rows, this.nonce, conversation))
    return endOf(conversation)
  }

  /** Puts all that was said before a step into a row, and from now on what is said. */
  holdBase(base: Base, before: readonly Message[]): void {
    this.#inRows = true
    this.#write(() => keepBase(this.#options.rows, this.nonce, base, before))
  }

  /** Puts what a step is given into rows, before Dapr has its turn; gives their number. */
  holdInput(execution: string, input: unknown): number {
    const text = JSON.stringify(input)
    const key = inputKey(this.nonce, execution)
    const keep = (): Promise<unknown> => this.#options.rows.putText(this.nonce, key, text)
    this.#held.set(execution, keep)
    this.#write(keep)
    return pagesOf(text)
  }

  /** Puts what a step is given there again: whoever scheduled it may not have come so far. */
  holdAgain(execution: string): void {
    const keep = this.#held.get(execution)
    if (keep) this.#write(keep)
  }

  readRecord(key: string, pages: number): Promise<StepRecord> {
    return this.tasks.direct(() => readRecord(this.#options.rows, key, pages))
  }

  /** A long text, kept before Dapr has its turn. Gives its pages. */
  keepText(key: string, text: string): Promise<number> {
    return this.tasks.direct(() => this.#options.rows.putText(this.nonce, key, text))
  }

  /** The agent whose run a step belongs to, for one of a sub-agent too. */
  rootOf({ runId, agent }: RunInfo): string {
    return this.#runs.get(runId)?.root ?? agent
  }

  cancel(reason: string | undefined): void {
    this.#cancelled ??= reason === undefined ? {} : { reason }
    for (const { info } of this.#runs.values()) info.cancel(reason)
    stopHere(this.nonce)
  }

  openWait(wait: OpenWait, wake: () => void): void {
    this.#waits.set(wait.id, wait)
    this.#woken.set(wait.id, wake)
    this.#tell()
  }

  closeWait(id: string): void {
    this.#waits.delete(id)
    this.#woken.delete(id)
    this.#tell()
  }

  /** No worker knows the step of this execution; `undefined`: one does. */
  block(execution: string, error: ErrorJson | undefined): void {
    if (error) this.#blocked.set(execution, error)
    else if (!this.#blocked.delete(execution)) return
    this.#tell()
  }

  specDigest(spec: AgentSpec): string {
    let known = this.#digests.get(spec)
    if (known === undefined) {
      known = digest(spec as unknown as Json)
      this.#digests.set(spec, known)
    }
    return known
  }

  #write(keep: () => Promise<unknown>): void {
    // Where it was asked for before it is there, mostly; where not, a worker says what it lacks.
    if (!this.context.isReplaying()) void this.tasks.direct(keep)
  }

  #hear(event: RunEvent | undefined): void {
    if (event?.type === 'cancel') this.cancel(event.reason)
    else if (event?.type === 'answer') this.#woken.get(event.waitId)?.()
  }

  #tell(): void {
    const [error] = this.#blocked.values()
    const waits = [...this.#waits.values()]
    const status = error ? 'blocked' : waits.length > 0 ? 'waiting' : 'running'
    const live: LiveStatus = { agent: this.#agent, status, waits, ...(error && { error }) }
    this.context.setCustomStatus(JSON.stringify(live))
  }
}

function sameJson(one: Json, other: Json): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}

/** @throws `NO_ENGINE_CONTEXT` */
export function currentHost(): WorkflowHost {
  const host = current.getStore()
  if (host) return host
  throw new HoldfastError({
    code: 'NO_ENGINE_CONTEXT',
    message:
      'daprDurabilityPlugin() works inside of a Dapr workflow alone. Start the run with daprRuns(client).start(agent, input, ' +
      '{ runId }), or run the agent in a workflow of your own: runtime.registerWorkflowWithName(name, daprWorkflow(async (input) => agent.run(…))).',
  })
}
