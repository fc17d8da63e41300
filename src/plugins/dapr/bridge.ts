/**
 * The bridge: an ordinary async function inside the generator that a Dapr workflow is. What the function asks for becomes a
 * task at once, so that its number is its place among the calls; the generator waits for any of them, and hands over one
 * that has finished, in the order of the history, before the function goes on.
 */
import type { Task, WorkflowContext } from '@dapr/dapr'
import { HoldfastError } from '../../index.ts'

/** What durable work the function may ask for. */
export interface Tasks {
  /** Rejects with the SDK's `TaskFailedError`. The input must not be falsy: it would not arrive. */
  activity(name: string, input: object): Promise<unknown>
  timer(milliseconds: number): Promise<void>
  /** `handler` is called for each event of the name, those that came early included, as long as the workflow runs. */
  on(event: string, handler: (payload: unknown) => void): void
  /** Waits for what a handler of events will settle. */
  untilEvent<T>(promise: Promise<T>): Promise<T>
  /**
   * Does what Dapr need not record: it gives the same whenever it is done. Dapr has its turn when it is over; where it fails
   * the workflow does.
   */
  direct<T>(work: () => Promise<T>): Promise<T>
  /** Whether so many bytes may be scheduled in this turn, which are then taken. */
  hasRoom(bytes: number): boolean
  /** Whether nothing is under way but timers that nobody needs any more. */
  readonly isQuiet: boolean
  /** Activities that were scheduled, and their bytes. */
  readonly spent: { readonly activities: number; readonly bytes: number }
  /** Begins the workflow anew with this input. The function goes no further. */
  leave(input: object): Promise<never>
}

/** How long the function may be busy with something that is not durable, in milliseconds. */
const PATIENCE = 5_000
/** Bytes of inputs that are handed over in one turn: a daprd as it is by default takes 4 MiB. */
const MAX_TURN = 3_000_000

/**
 * The generator of a workflow that runs `body`. It ends as `body` does. Where `body` waits for nothing that is durable, it
 * ends with `UNSUPPORTED`.
 */
export async function* bridge<T>(
  context: WorkflowContext,
  body: (tasks: Tasks) => Promise<T>,
): AsyncGenerator<Task<unknown>, T, unknown> {
  const tasks = new OpenTasks(context)
  let end: { readonly value: Promise<T> } | undefined
  const running = body(tasks)
  const ended = (): void => {
    end = { value: running }
  }
  running.then(ended, ended)
  for (;;) {
    await tasks.untilStill(() => end !== undefined)
    if (tasks.hasLeft) return undefined as T
    if (end) return await end.value
    yield tasks.any()
    tasks.settleOne()
  }
}

interface Open {
  readonly kind: 'activity' | 'timer' | 'listener'
  readonly task: Task<unknown>
  settle(): void
}

class OpenTasks implements Tasks {
  readonly #context: WorkflowContext
  readonly #open: Open[] = []
  #listeners = 0
  #waiting = 0
  /** What hands over the results of direct work, in the order of the calls. */
  readonly #direct: (() => Promise<void>)[] = []
  #broken: { readonly error: unknown } | undefined
  /** The generator has handed over to Dapr: what is asked for now would be lost. */
  #handedOver = false
  #late = false
  #activities = 0
  #bytes = 0
  /** Bytes that are scheduled in the turn that began at this time. */
  #turn = { began: Number.NaN, bytes: 0 }
  hasLeft = false

  constructor(context: WorkflowContext) {
    this.#context = context
  }

  activity(name: string, input: object): Promise<unknown> {
    return this.#add('activity', () => {
      this.#activities++
      return this.#context.callActivity(name, input)
    })
  }

  async timer(milliseconds: number): Promise<void> {
    await this.#add('timer', () => this.#context.createTimer(milliseconds / 1_000))
  }

  on(event: string, handler: (payload: unknown) => void): void {
    this.#listeners++
    const listen = (): void => {
      const task = this.#context.waitForExternalEvent(event)
      this.#open.push({
        kind: 'listener',
        task,
        settle: () => {
          // One task for each name at any time, or an event would go to one that nobody looks at.
          listen()
          handler(task.getResult())
        },
      })
    }
    listen()
  }

  async untilEvent<T>(promise: Promise<T>): Promise<T> {
    this.#waiting++
    try {
      return await promise
    } finally {
      this.#waiting--
    }
  }

  direct<T>(work: () => Promise<T>): Promise<T> {
    this.#checkTurn()
    const { promise, resolve } = Promise.withResolvers<T>()
    const fail = (error: unknown): void => {
      this.#broken ??= { error }
    }
    const done = work().then(
      (value) => () => resolve(value),
      (error: unknown) => () => fail(error),
    )
    // One after the other: of two at once the function would go on in another order each time.
    this.#direct.push(async () => (await done)())
    return promise
  }

  hasRoom(bytes: number): boolean {
    const began = this.#context.getCurrentUtcDateTime().getTime()
    if (this.#turn.began !== began) this.#turn = { began, bytes: 0 }
    if (this.#turn.bytes > 0 && this.#turn.bytes + bytes > MAX_TURN) return false
    this.#turn.bytes += bytes
    this.#bytes += bytes
    return true
  }

  get isQuiet(): boolean {
    return this.#waiting === 0 && this.#open.every(({ kind }) => kind !== 'activity')
  }

  get spent(): { readonly activities: number; readonly bytes: number } {
    return { activities: this.#activities, bytes: this.#bytes }
  }

  leave(input: object): Promise<never> {
    this.#context.continueAsNew(input, true)
    this.hasLeft = true
    return new Promise(() => {})
  }

  /** Resolves when the function waits for something durable, or has ended. */
  async untilStill(hasEnded: () => boolean): Promise<void> {
    await turnOver()
    for (let until = Date.now() + PATIENCE; !(this.hasLeft || this.#broken || hasEnded()); await turnOver()) {
      const handOver = this.#direct.shift()
      if (handOver) {
        await handOver()
        until = Date.now() + PATIENCE
      } else {
        if (this.#open.length > this.#listeners || this.#waiting > 0) return
        if (Date.now() > until) throw notDurable()
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
    }
    if (this.#broken) throw this.#broken.error
  }

  any(): Task<unknown> {
    this.#handedOver = true
    return this.#context.whenAny(this.#open.map(({ task }) => task))
  }

  settleOne(): void {
    this.#handedOver = false
    if (this.#late) throw notDurable()
    const at = this.#open.findIndex(({ task }) => task.isComplete)
    const [done] = at >= 0 ? this.#open.splice(at, 1) : []
    done?.settle()
  }

  #checkTurn(): void {
    if (this.#handedOver) this.#late = true
  }

  #add(kind: Open['kind'], start: () => Task<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#checkTurn()
      if (this.#handedOver) return
      const task = start()
      const settle = (): void => {
        if (task.isFailed) reject(task.getException())
        else resolve(task.getResult())
      }
      this.#open.push({ kind, task, settle })
    })
  }
}

/** Resolves when what can go on has gone on. */
function turnOver(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function notDurable(): HoldfastError {
  return new HoldfastError({
    code: 'UNSUPPORTED',
    message:
      'a hook, or the function around the agent, awaits something that Dapr does not record (a timer, a request). In a ' +
      'workflow that is done by a step: event.task(), event.sleep(), a tool.',
  })
}
