/**
 * A tool's output stands in the history as what its activity gave; a model's message, too. What the next model call is shown
 * of them need not stand there again: it is named by the record that has it, and the worker that made it still has it.
 */
import type { Json, Message, StepDescriptor } from '../../index.ts'
import { deepFreeze } from '../../json.ts'
import type { NamedRecord } from './protocol.ts'

/** Letters from which it is worth it: a worker that lacks something has to ask for all of it. */
export const WORTH_NAMING = 256

/** What was given by a step, by identity or, of a text, by value; and the name of its record. */
export type Names = Map<unknown, string>

/** The part of an outcome that conversations are made of. */
export function spoken({ kind }: Pick<StepDescriptor, 'kind'>, output: Json | undefined): Json | undefined {
  if (kind === 'tool') return output
  return kind === 'model' ? (output as { readonly message?: Json } | undefined)?.message : undefined
}

/** Frozen: a hook that edited it in place would have the name, and the next workflow run, mean something else. */
export function noteOutput(names: Names, step: StepDescriptor, { name, output }: NamedRecord): void {
  deepFreeze(output)
  if (name !== undefined) names.set(spoken(step, output), name)
}

export interface Named {
  /** With `null` where something is named. */
  readonly rest: readonly unknown[]
  /** Names by place, as in `StepCall`. */
  readonly named: { readonly [place: string]: string }
}

export function nameKnown(names: Names, append: readonly Message[]): Named {
  const named: Record<string, string> = {}
  const leaveOut = (value: unknown, place: string): boolean => {
    const name = names.get(value)
    if (name !== undefined) named[place] = name
    return name !== undefined
  }
  const rest = append.map((message, index) => {
    if (leaveOut(message, `${index}`)) return null
    if (message.role !== 'tool') return message
    const content = message.content.map((part, at) => {
      if (part.type !== 'tool-result' || !('value' in part.output)) return part
      const { output } = part
      return leaveOut(output.value, `${index}.${at}`) ? { ...part, output: { ...output, value: null } } : part
    })
    return { ...message, content }
  })
  return { rest, named }
}

/** The messages as they were, or nothing where `given` lacks one of the names. */
export function fillIn(
  rest: readonly Message[],
  named: Named['named'],
  given: (name: string) => Json | undefined,
): readonly Message[] | undefined {
  const all = rest.map((message) =>
    message?.role === 'tool' ? { ...message, content: [...message.content] } : message,
  ) as (Message | undefined)[]
  for (const [place, name] of Object.entries(named)) {
    const value = given(name)
    if (value === undefined) return undefined
    const [index = 0, at] = place.split('.').map(Number)
    const content = all[index]?.content as unknown[] | undefined
    if (at === undefined) all[index] = value as unknown as Message
    else if (content) content[at] = withValue(content[at], value)
  }
  return all as Message[]
}

function withValue(part: unknown, value: Json): unknown {
  const { output } = part as { readonly output: object }
  return { ...(part as object), output: { ...output, value } }
}
