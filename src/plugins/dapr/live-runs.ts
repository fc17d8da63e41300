/**
 * Runs that stay in memory between two items of work. With each item Dapr sends the whole history of a workflow, and the SDK
 * goes through all of it; where the workflow is here as that history left it, only what is new is gone through. It needs
 * parts of the SDK that are not public; without them each item is a replay.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { Recent } from './recent.ts'

/** The SDK's own state of a workflow, behind its context. */
export interface InnerContext {
  _isReplaying: boolean
  _isComplete: boolean
  _customStatus: string
  _pendingActions: Record<number, unknown>
  _sequenceNumber: number
  getActions(): unknown[]
  setFailed(error: unknown): void
  setCustomStatus(status: string): void
}

interface HistoryEvent {
  hasOrchestratorstarted(): boolean
  getTimestamp(): { getSeconds(): number; getNanos(): number } | undefined
}

type Item = [instance: string, past: readonly HistoryEvent[], coming: readonly HistoryEvent[]]

interface Executor {
  execute(...item: Item): Promise<unknown>
  processEvent(context: InnerContext, event: HistoryEvent): Promise<void>
}

/** A workflow as it is after an item of work. */
interface Live {
  readonly executor: Executor
  readonly context: InnerContext
  /** How many events it has gone through. */
  readonly events: number
  /** Where the last item began, and when: Dapr stamps each one, so that one which Dapr did not keep is told from one that it kept. */
  readonly began: number
  readonly stamp: string
}

/** Runs that stay. */
const MANY = 250

/** Contexts of workflows that may stay. */
const ours = new WeakSet<InnerContext>()
/** What an executor works on. */
const contexts = new WeakMap<Executor, InnerContext>()

/** The workflow of this context may stay in memory. */
export function mayStay(context: InnerContext): void {
  ours.add(context)
}

/** From now on it is gone through anew with each item of work. */
export function mustGo(context: InnerContext): void {
  ours.delete(context)
}

const current = new AsyncLocalStorage<LiveRuns>()

/** Those of one runtime. */
export class LiveRuns {
  readonly #runs: Recent<Live>

  constructor(limit: number = MANY) {
    this.#runs = new Recent(limit)
  }

  /** @param work has the SDK do an item of work, which may be with what is here */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await patchExecutor()
    return current.run(this, work)
  }

  async execute(executor: Executor, replay: () => Promise<unknown>, [instance, past, coming]: Item): Promise<unknown> {
    const live = this.#take(instance, past)
    const result = live ? await goOn(live, past, coming) : await replay()
    const its = live?.executor ?? executor
    const context = contexts.get(its)
    const [first] = coming
    if (context && ours.has(context) && !context._isComplete && first?.hasOrchestratorstarted()) {
      const events = past.length + coming.length
      this.#runs.set(instance, { executor: its, context, events, began: past.length, stamp: stampOf(first) })
    }
    return result
  }

  /** It is out of here meanwhile: another item about the same workflow may come, where Dapr gave this one up. */
  #take(instance: string, past: readonly HistoryEvent[]): Live | undefined {
    const live = this.#runs.get(instance)
    this.#runs.delete(instance)
    const began = live && past.length >= live.events ? past[live.began] : undefined
    return began && stampOf(began) === live?.stamp ? live : undefined
  }
}

/** As the SDK does it, with the events that the workflow has not gone through. */
async function goOn(
  { executor, context, events }: Live,
  past: readonly HistoryEvent[],
  coming: readonly HistoryEvent[],
) {
  try {
    context._isReplaying = true
    for (const event of past.slice(events)) await executor.processEvent(context, event)
    context._isReplaying = false
    for (const event of coming) await executor.processEvent(context, event)
  } catch (error) {
    context.setFailed(error)
  }
  return { actions: context.getActions(), customStatus: context._customStatus }
}

function stampOf(event: HistoryEvent): string {
  const at = event.getTimestamp()
  return `${event.hasOrchestratorstarted()} ${at?.getSeconds()} ${at?.getNanos()}`
}

let patched: Promise<void> | undefined

/** Has the SDK's executors ask for the live runs of the runtime that they work for. */
function patchExecutor(): Promise<void> {
  patched ??= import('@dapr/dapr/workflow/internal/durabletask/worker/orchestration-executor.js').then(
    ({ OrchestrationExecutor }) => {
      const prototype = OrchestrationExecutor.prototype as unknown as Executor
      const { execute, processEvent } = prototype
      prototype.processEvent = function (this: Executor, context, event) {
        contexts.set(this, context)
        return processEvent.call(this, context, event)
      }
      prototype.execute = function (this: Executor, ...item) {
        const replay = (): Promise<unknown> => execute.apply(this, item)
        return current.getStore()?.execute(this, replay, item) ?? replay()
      }
    },
    () => {},
  )
  return patched
}
