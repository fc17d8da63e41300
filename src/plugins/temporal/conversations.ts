/** What a worker remembers of conversations, so that a model step brings only what is new; the rest it asks the run for. */
import { randomUUID } from 'node:crypto'
import type { Client } from '@temporalio/client'
import type { AgentSpec, Base, Json, Message, StepDescriptor, StepRecord } from '../../index.ts'
import { digest, executionId, HoldfastError } from '../../index.ts'
import { fillIn, spoken, WORTH_NAMING } from './naming.ts'
import type { MessagesPage, MessagesQuery, NamedRecord, PinnedAnswer, StepCall } from './protocol.ts'
import { CANCELLED, MESSAGES, PINNED } from './protocol.ts'

/** The workflow run that an activity belongs to. */
export interface Owner {
  readonly client: Client
  readonly workflowId: string
  readonly runId: string
  readonly signal: AbortSignal
}

interface Known {
  readonly messages: readonly Message[]
  /** Prefixes of them that can be named. */
  readonly bases: readonly Base[]
  readonly letters: number
}

const MAX_BASES = 8

export class Conversations {
  readonly #known = new Map<string, Known>()
  readonly #pinned = new Map<string, Promise<PinnedAnswer>>()
  readonly #given: GivenOutputs
  readonly #limit: number
  #letters = 0

  /** @param limit letters of JSON that are remembered in all */
  constructor(limit: number) {
    // Half for whole conversations, half for what the next call is told of by name.
    this.#limit = limit / 2
    this.#given = new GivenOutputs(limit / 2)
  }

  /** The record with a name, under which what it gave is remembered. */
  name(step: StepDescriptor, record: StepRecord): NamedRecord {
    const name = this.#given.keep(spoken(step, record.output))
    return name === undefined ? record : { ...record, name }
  }

  /** All that the model is about to be shown, `append` included. */
  async messagesFor(call: StepCall, base: Base, append: readonly Message[], owner: Owner): Promise<readonly Message[]> {
    const key = `${owner.workflowId} ${owner.runId} ${frameOf(call.step.id)}`
    const known = this.#known.get(key)
    const prefix = base.length === 0 ? [] : prefixOf(known, base)
    const added = call.held ? undefined : fillIn(append, call.named ?? {}, (name) => this.#given.get(name))
    const all = prefix && added ? [...prefix, ...added] : await this.#ask(call, base, known, owner)
    this.#remember(key, all, base, known)
    return all
  }

  /** The spec as it is pinned in the run, and the run's context. */
  pinnedFor(call: StepCall, owner: Owner): Promise<PinnedAnswer> {
    const key = `${owner.workflowId} ${owner.runId} ${call.spec}`
    let pinned = this.#pinned.get(key)
    if (!pinned) {
      pinned = query<PinnedAnswer>(owner, PINNED, call.spec)
      pinned.catch(() => this.#pinned.delete(key))
      this.#pinned.set(key, pinned)
      const [oldest] = this.#pinned.keys()
      if (this.#pinned.size > 100 && oldest !== undefined) this.#pinned.delete(oldest)
    }
    return pinned
  }

  async #ask(call: StepCall, base: Base, known: Known | undefined, owner: Owner): Promise<readonly Message[]> {
    const best = known?.bases.findLast(({ length }) => length > 0 && length <= base.length)
    for (const from of best ? [best, undefined] : [undefined]) {
      const got = await askAll(call, from, owner)
      const before = from && got.from === from.length ? (known as Known).messages.slice(0, from.length) : []
      const all = [...before, ...got.messages]
      const start = from && got.from === from.length ? from : undefined
      if (isBase(all, base, start, call.spec)) return all
    }
    throw new HoldfastError({
      code: 'ENGINE_UNAVAILABLE',
      kind: 'retryable',
      message: `the run gave another conversation than step ${call.step.id} was made of: it is asked again.`,
    })
  }

  #remember(key: string, messages: readonly Message[], base: Base, known: Known | undefined): void {
    const next = { length: messages.length, digest: chain(messages.slice(base.length), base.digest) }
    const kept = (known?.bases ?? []).filter(({ length }) => length < base.length)
    const bases = [...kept, ...(base.length > 0 ? [base] : []), next].slice(-MAX_BASES)
    const added = messages.slice(known?.messages.length ?? 0)
    const letters = (known?.letters ?? 0) + JSON.stringify(added).length
    this.#letters += letters - (known?.letters ?? 0)
    this.#known.delete(key)
    this.#known.set(key, { messages, bases, letters })
    for (const [oldest, { letters: its }] of this.#known) {
      if (this.#letters <= this.#limit) break
      this.#known.delete(oldest)
      this.#letters -= its
    }
  }
}

/** Whether messages begin with what `base` names, `start` being known. */
function isBase(all: readonly Message[], base: Base, start: Base | undefined, spec: string): boolean {
  const from = start ?? { length: 0, digest: spec }
  if (base.length === 0 || chain(all.slice(from.length, base.length), from.digest) === base.digest) return true
  // A conversation that was compacted begins with a digest that only the run knows: then the run's word is what there is.
  return start === undefined
}

/** What steps gave that ran here: the next model call is told of it by name. */
class GivenOutputs {
  readonly #given = new Map<string, { readonly value: Json; readonly letters: number }>()
  readonly #worker = randomUUID()
  readonly #limit: number
  #count = 0
  #letters = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Gives a name that no other execution has, on any worker; nothing for what is too short to be named. */
  keep(value: Json | undefined): string | undefined {
    const text = JSON.stringify(value)
    if (text === undefined || text.length < WORTH_NAMING) return undefined
    const name = `${this.#worker}-${(this.#count++).toString(36)}`
    // As it will be read from the history.
    this.#given.set(name, { value: JSON.parse(text) as Json, letters: text.length })
    this.#letters += text.length
    for (const [oldest, { letters }] of this.#given) {
      if (this.#letters <= this.#limit) break
      this.#given.delete(oldest)
      this.#letters -= letters
    }
    return name
  }

  get(name: string): Json | undefined {
    return this.#given.get(name)?.value
  }
}

function chain(messages: readonly Message[], before: string): string {
  return messages.reduce((chained, message) => digest(message as unknown as Json, chained), before)
}

function prefixOf(known: Known | undefined, base: Base): readonly Message[] | undefined {
  const is = known?.bases.some((one) => one.length === base.length && one.digest === base.digest)
  return is ? known?.messages.slice(0, base.length) : undefined
}

/** What opens the ids of an agent's steps: empty, or a sub-agent's path. */
function frameOf(stepId: string): string {
  return stepId.split('/').slice(0, -2).join('/')
}

async function askAll(
  { step }: StepCall,
  known: Base | undefined,
  owner: Owner,
): Promise<{ readonly from: number; readonly messages: readonly Message[] }> {
  let text = ''
  for (;;) {
    const asked: MessagesQuery = { execution: executionId(step), offset: text.length, ...(known && { known }) }
    const page = await query<MessagesPage>(owner, MESSAGES, asked)
    text += page.text
    if (text.length >= page.total) return { from: page.from, messages: JSON.parse(text) as Message[] }
  }
}

/** Whether the run was cancelled meanwhile. Where it does not say so soon, it was not. */
export async function isCancelled({ runId }: StepCall, owner: Owner): Promise<boolean> {
  const deadline = Date.now() + 3_000
  return owner.client.withDeadline(deadline, () => query<boolean>(owner, CANCELLED, runId)).catch(() => false)
}

/** Ask the workflow run. The server's buffer of queries may be full for a while. */
async function query<T>({ client, workflowId, runId, signal }: Owner, name: string, argument: unknown): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    if (signal.aborted) throw signal.reason
    try {
      return await client.workflow.getHandle(workflowId, runId).query<T, [unknown]>(name, argument)
    } catch (error) {
      if (attempt >= 5 || !isBusy(error)) throw error
      await new Promise((resolve) => setTimeout(resolve, 50 * 2 ** attempt))
    }
  }
}

const RESOURCE_EXHAUSTED = 8

function isBusy(error: unknown): boolean {
  const { code, cause } = error as { code?: unknown; cause?: unknown }
  return code === RESOURCE_EXHAUSTED || (cause !== undefined && isBusy(cause))
}

/** Specs of the agents that a worker has: what is pinned in most runs. */
export function specsOf(specs: readonly AgentSpec[]): Map<string, AgentSpec> {
  const all = new Map<string, AgentSpec>()
  const add = (spec: AgentSpec): void => {
    all.set(digest(spec as unknown as Json), spec)
    for (const { agent } of spec.tools) if (agent) add(agent)
  }
  for (const spec of specs) add(spec)
  return all
}
