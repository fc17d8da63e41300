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
}

/** How long the function may be busy with something that is not durable, in milliseconds. */
const PATIENCE = 5_000

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
    if (end) return await end.value
    yield tasks.any()
    tasks.settleOne()
  }
}

interface Open {
  readonly task: Task<unknown>
  settle(): void
}

class OpenTasks implements Tasks {
  readonly #context: WorkflowContext
  readonly #open: Open[] = []
  #listeners = 0
  #waiting = 0
  /** The generator has handed over to Dapr: what is asked for now would be lost. */
  #handedOver = false
  #late = false

  constructor(context: WorkflowContext) {
    this.#context = context
  }

  activity(name: string, input: object): Promise<unknown> {
    return this.#add(() => this.#context.callActivity(name, input))
  }

  async timer(milliseconds: number): Promise<void> {
    await this.#add(() => this.#context.createTimer(milliseconds / 1_000))
  }

  on(event: string, handler: (payload: unknown) => void): void {
    this.#listeners++
    const listen = (): void => {
      const task = this.#context.waitForExternalEvent(event)
      this.#open.push({
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

  /** Resolves when the function waits for something durable, or has ended. */
  async untilStill(hasEnded: () => boolean): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    const until = Date.now() + PATIENCE
    while (!hasEnded() && this.#open.length === this.#listeners && this.#waiting === 0) {
      if (Date.now() > until) throw notDurable()
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
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

  #add(start: () => Task<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#handedOver) {
        this.#late = true
        return
      }
      const task = start()
      const settle = (): void => {
        if (task.isFailed) reject(task.getException())
        else resolve(task.getResult())
      }
      this.#open.push({ task, settle })
    })
  }
}

function notDurable(): HoldfastError {
  return new HoldfastError({
    code: 'UNSUPPORTED',
    message:
      'a hook, or the function around the agent, awaits something that Dapr does not record (a timer, a request). In a ' +
      'workflow that is done by a step: event.task(), event.sleep(), a tool.',
  })
}
