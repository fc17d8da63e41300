/**
 * Turns of workflows, each answered once. Daprd knows of a workflow's turn by the instance alone: an answer goes to whatever
 * turn of the workflow is open when it comes. Of one whose worker died daprd may send two items of work when another is
 * there, and the second answer then ends the next turn, with what the turn before it asked for. So what is superseded is not
 * answered here; and where that happened after all (daprd has other workers), it is borne.
 */
import { HELD } from './hold.ts'

/** The SDK's messages, as far as they matter here. */
export interface TurnRequest {
  getInstanceid(): string
  getPasteventsList(): HistoryEvent[]
  setPasteventsList(events: HistoryEvent[]): unknown
  getNeweventsList(): HistoryEvent[]
  setNeweventsList(events: HistoryEvent[]): unknown
}

interface HistoryEvent {
  getEventid(): number
  getTimestamp(): { getSeconds(): number; getNanos(): number } | undefined
  hasExecutionstarted(): boolean
  getTaskscheduled(): { getName(): string } | undefined
  hasTimercreated(): boolean
  getTimerfired(): { getTimerid(): number } | undefined
}

type Answered = (error: Error | null, value?: unknown) => void

export interface TurnStub {
  completeOrchestratorTask(response: unknown, answered: Answered): unknown
}

interface Turn {
  /** When this execution of the workflow began: continued as new it is another one. */
  readonly start: string
  /** Events before it. */
  readonly past: number
  readonly stub: TurnStub
  answered?: Promise<void>
}

/** Milliseconds for which it is known that a turn was answered, and in which the next one shows that it was heard. */
const GRACE = 1_000

export class Turns {
  readonly #latest = new Map<string, Turn>()
  readonly #wake: (instance: string) => void
  readonly #grace: number

  /** @param wake called where a turn was ended by something else than its answer: what came in it is to be looked at anew */
  constructor(wake: (instance: string) => void, grace: number = GRACE) {
    this.#wake = wake
    this.#grace = grace
  }

  async take(
    request: TurnRequest,
    stub: TurnStub,
    execute: (request: TurnRequest, stub: TurnStub) => Promise<void>,
  ): Promise<void> {
    const instance = request.getInstanceid()
    const turn: Turn = { start: startOf(request), past: request.getPasteventsList().length, stub }
    const before = this.#latest.get(instance)
    const isSame = before?.stub === stub && before.start === turn.start
    if (isSame && turn.past < before.past) return
    this.#latest.set(instance, turn)
    const isCurrent = (): boolean => this.#latest.get(instance) === turn
    if (isSame && before.answered && turn.past === before.past) {
      // Was the answer heard for this one? Then another turn comes, or nobody listens any more.
      await before.answered
      await new Promise((resolve) => setTimeout(resolve, this.#grace))
    }
    withoutRepeats(request)
    await execute(request, {
      completeOrchestratorTask: (response, answered) => {
        if (!isCurrent()) {
          answered(null)
          return
        }
        turn.answered = this.#answer(instance, turn, response, answered)
      },
    })
  }

  async #answer(instance: string, turn: Turn, response: unknown, answered: Answered): Promise<void> {
    await new Promise<void>((resolve) => {
      turn.stub.completeOrchestratorTask(response, (error, value) => {
        if (error) this.#wake(instance)
        answered(error, value)
        resolve()
      })
    })
    setTimeout(() => {
      if (this.#latest.get(instance) === turn) this.#latest.delete(instance)
    }, this.#grace).unref()
  }
}

function startOf(request: TurnRequest): string {
  const isStart = (event: HistoryEvent): boolean => event.hasExecutionstarted()
  const event = request.getPasteventsList().find(isStart) ?? request.getNeweventsList().find(isStart)
  const at = event?.getTimestamp()
  return `${at?.getSeconds()} ${at?.getNanos()}`
}

/**
 * What was asked for twice, under one number, is one thing: it was asked for by an answer that ended the wrong turn. And timers
 * of a run that was held are nothing that it asked for.
 */
function withoutRepeats(request: TurnRequest): void {
  const asked = new Set<string>()
  const isNew = (event: HistoryEvent): boolean => {
    const timer = event.hasTimercreated() ? event.getEventid() : (event.getTimerfired()?.getTimerid() ?? 0)
    if (timer >= HELD) return false
    const name = event.hasTimercreated() ? '' : event.getTaskscheduled()?.getName()
    if (name === undefined) return true
    const what = `${event.getEventid()} ${name}`
    return !asked.has(what) && asked.add(what) !== undefined
  }
  const past = request.getPasteventsList()
  const known = past.filter(isNew)
  if (known.length < past.length) request.setPasteventsList(known)
  const coming = request.getNeweventsList()
  const own = coming.filter(isNew)
  if (own.length < coming.length) request.setNeweventsList(own)
}
