/** Answers to waits: checked before an engine records them, the same on every engine. */
import { HoldfastError } from './errors.ts'
import { checkJsonSchema } from './json-schema.ts'
import type { Json, JsonObject } from './json.ts'
import { isPlainObject, toJson } from './json.ts'
import type { WaitInput } from './step-kinds.ts'

/**
 * The answer to a wait, as it is recorded.
 * @throws `ANSWER_INVALID` where it is not JSON, not what the wait's type asks for, or does not fit the wait's schema
 */
export function validateAnswer(input: WaitInput, answer: unknown): Json {
  const json = jsonOf(answer)
  switch (input.type) {
    case 'approval':
      return checkMembers(json, APPROVAL, 'an approval is { approved: boolean, reason?, by?, input? }')
    case 'unknown-outcome':
      return checkReconciled(json)
    case 'interrupt': {
      const problems = input.schema === undefined ? [] : checkJsonSchema(input.schema, json)
      if (problems.length === 0) return json
      throw invalid(`it does not fit the schema of interrupt '${input.name}': ${problems.join('; ')}`, { problems })
    }
    case 'timer':
      throw invalid('a timer is waited for, nobody can answer it')
  }
}

type Members = { readonly [name: string]: { readonly type?: 'boolean' | 'string'; readonly required?: true } }

const APPROVAL: Members = {
  approved: { type: 'boolean', required: true },
  reason: { type: 'string' },
  by: { type: 'string' },
  input: {},
}
const DONE: Members = { status: { type: 'string', required: true }, output: { required: true } }
const NOT_DONE: Members = { status: { type: 'string', required: true } }

const RECONCILED =
  "what became of the step is { status: 'done', output } or { status: 'not-done' } or { status: 'unknown' }"

function checkReconciled(json: Json): Json {
  const status = isPlainObject(json) ? json['status'] : undefined
  if (status === 'done') return checkMembers(json, DONE, RECONCILED)
  if (status === 'not-done' || status === 'unknown') return checkMembers(json, NOT_DONE, RECONCILED)
  throw invalid(RECONCILED)
}

/** Members that nobody reads are refused: a misspelt `approved` must not pass as something else. */
function checkMembers(json: Json, members: Members, shape: string): Json {
  if (!isPlainObject(json)) throw invalid(shape)
  const object = json as JsonObject
  for (const name of Object.keys(object)) {
    if (!Object.hasOwn(members, name)) throw invalid(`${shape}; it has '${name}'`)
  }
  for (const [name, { type, required }] of Object.entries(members)) {
    const value = Object.hasOwn(object, name) ? object[name] : undefined
    if (value === undefined && !required) continue
    if (value === undefined || (type && typeof value !== type))
      throw invalid(`${shape}; '${name}' is ${describe(value)}`)
  }
  return json
}

function describe(value: Json | undefined): string {
  return value === undefined ? 'missing' : JSON.stringify(value)
}

function jsonOf(answer: unknown): Json {
  try {
    return toJson(answer, 'answer')
  } catch (error) {
    throw invalid((error as Error).message, undefined, error)
  }
}

function invalid(why: string, details?: Json, cause?: unknown): HoldfastError {
  return new HoldfastError({
    code: 'ANSWER_INVALID',
    message: `the answer was refused and nothing was recorded: ${why}.`,
    ...(details !== undefined && { details }),
    ...(cause !== undefined && { cause }),
  })
}
