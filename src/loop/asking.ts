/** What a Before… hook may ask for: a person's answer, a timer, a task. Ids come from the step's place and the plugin. */
import { digest } from '../digest.ts'
import { type Duration, toMilliseconds } from '../duration.ts'
import type { ErrorJson } from '../errors.ts'
import { errorFromJson, errorToJson, HoldfastError, isEngineFailure, isSuspended } from '../errors.ts'
import type { InterruptRequest } from '../hooks/events.ts'
import { fromJson, type Json, toJson } from '../json.ts'
import type { Frame } from './run-context.ts'
import { suspended } from './run-context.ts'
import { type InputSchema, jsonSchemaOf } from '../schema.ts'
import type { Asks } from './stepping.ts'
import { runTask } from './stepping.ts'
import type { InterruptWait, TimerWait, WaitInput, WaitOutput } from '../step-kinds.ts'
import type { StepDescriptor } from '../step.ts'
import type { PendingWait } from './waits.ts'
import { keptAnswer } from './waits.ts'

type KeptTask = { readonly of: string; readonly output: Json } | { readonly of: string; readonly error: Json }
type Unbound<W extends WaitInput> = Omit<W, 'of'>

/** The asking of all hooks of one step, in one pass over them. */
export class Asking implements Asks {
  readonly #frame: Frame
  readonly #stepId: string
  readonly #pending: PendingWait[]
  readonly #asked = new Map<string, number>()
  /** Tasks one after the other, also where a hook does not await them: their order is part of the run. */
  #tail: Promise<unknown> | undefined
  /** What takes the run out of the loop: nothing that a hook could catch and go on from. */
  #failure: unknown
  /** A hook asked something that nobody has answered yet: its step can't go on in this pass, whatever the hook caught. */
  unanswered = false
  #closed = false

  constructor(frame: Frame, stepId: string, pending: PendingWait[]) {
    this.#frame = frame
    this.#stepId = stepId
    this.#pending = pending
  }

  /** The hooks have had their way: what they wrapped around the step can't ask any more, since the batch has started. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#tail
    if (this.#failure) throw this.#failure
  }

  async interrupt(plugin: string, request: InterruptRequest): Promise<unknown> {
    const { name, timeout, onTimeout } = request
    const where = `interrupt '${name}' of plugin '${plugin}'`
    const input: Unbound<InterruptWait> = {
      type: 'interrupt',
      name,
      ...(request.data !== undefined && { data: toJson(request.data, where) }),
      ...(request.schema !== undefined && { schema: jsonSchemaOf(request.schema as InputSchema, where) }),
    }
    const output = this.#ask(`wait/${plugin}/${name}`, input, timeout, where)
    if ('answer' in output) return fromJson(output.answer)
    if (onTimeout) return onTimeout.answer
    throw new HoldfastError({
      code: 'STEP_TIMEOUT',
      message: `${where} had no answer in time. Give it onTimeout to go on without one.`,
      details: { step: this.#stepId, plugin, name },
    })
  }

  async sleep(plugin: string, duration: Duration): Promise<void> {
    const input: Unbound<TimerWait> = {
      type: 'timer',
      duration: toMilliseconds(duration, `sleep of plugin '${plugin}'`),
    }
    this.#ask(`timer/${plugin}`, input, undefined, `sleep of plugin '${plugin}'`)
  }

  task(plugin: string, name: string, input: unknown): Promise<unknown> {
    const descriptor: StepDescriptor<'task'> = {
      kind: 'task',
      id: this.#idFor(`task/${plugin}/${name}`),
      execution: 1,
      name: `${plugin}.${name}`,
      input: toJson(input ?? null, `task '${name}' of plugin '${plugin}'`),
      policy: { effect: 'repeatable' },
    }
    const done = (this.#tail ?? Promise.resolve()).then(() => this.#runTask(descriptor))
    this.#tail = done.catch((error) => {
      if (isEngineFailure(error) || isSuspended(error)) this.#failure ??= error
    })
    return done
  }

  async #runTask(descriptor: StepDescriptor<'task'>): Promise<unknown> {
    const { memo } = this.#frame
    const of = digest(descriptor.input)
    let { id } = descriptor
    let known = memo.get(id) as KeptTask | undefined
    // Asked with another input than in the pass before: a task of its own.
    for (let round = 2; known && known.of !== of; round++) {
      id = `${descriptor.id}/round/${round}`
      known = memo.get(id) as KeptTask | undefined
    }
    if (!known) {
      const outcome = await runTask(this.#frame, { ...descriptor, id })
      known =
        outcome.status === 'ok'
          ? { of, output: outcome.output }
          : { of, error: errorToJson(outcome.error, 'TASK_FAILED') as unknown as Json }
      memo.set(id, known)
    }
    if ('error' in known) throw errorFromJson(known.error as unknown as ErrorJson)
    return fromJson(known.output)
  }

  #ask(
    path: string,
    input: Unbound<InterruptWait> | Unbound<TimerWait>,
    timeout: Duration | undefined,
    where: string,
  ): WaitOutput {
    if (this.#closed) throw tooLate(this.#stepId, where)
    const of = digest(input as unknown as Json)
    const id = this.#idFor(path)
    const known = keptAnswer(this.#frame, id, of)
    if (known.output) return known.output
    const wait = { ...input, of } as WaitInput
    this.unanswered = true
    this.#pending.push({
      id: known.id,
      input: wait,
      ...(timeout !== undefined && { timeout: toMilliseconds(timeout, `${where}: timeout`) }),
    })
    throw suspended([{ id: known.id, input: wait }])
  }

  /** The same request twice in one pass is the first and the second: told apart by their order. */
  #idFor(path: string): string {
    const count = (this.#asked.get(path) ?? 0) + 1
    this.#asked.set(path, count)
    return `${this.#stepId}/${path}${count === 1 ? '' : `/${count}`}`
  }
}

function tooLate(step: string, where: string): HoldfastError {
  return new HoldfastError({
    code: 'STEP_NOT_RECORDED',
    message: `${where} came when the hook of step ${step} was over: ask in the hook itself, before it wraps the step.`,
    details: { step },
  })
}
