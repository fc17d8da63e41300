/** Answers to waits: checked before an engine records them, the same on every engine. */
import { HoldfastError } from './errors.ts'
import { checkJsonSchema } from './json-schema.ts'
import type { Json } from './json.ts'
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
      return check(json, APPROVAL, 'an approval is { approved: boolean, reason?, by?, input? }')
    case 'unknown-outcome':
      return check(
        json,
        isPlainObject(json) && json['status'] === 'done' ? DONE : NOT_DONE,
        "what became of the step is { status: 'done', output } or { status: 'not-done' } or { status: 'unknown' }",
      )
    case 'interrupt':
      return check(json, input.schema ?? true, `it does not fit the schema of interrupt '${input.name}'`)
    case 'timer':
      throw invalid('a timer is waited for, nobody can answer it')
  }
}

const text = { type: 'string' }

const APPROVAL = shapeOf({ approved: { type: 'boolean' }, reason: text, by: text, input: true }, 'approved')
const DONE = shapeOf({ status: text, output: true }, 'status', 'output')
const NOT_DONE = shapeOf({ status: { enum: ['not-done', 'unknown'] } }, 'status')

/** Members that nobody reads are refused: a misspelt `approved` must not pass as something else. */
function shapeOf(properties: Json, ...required: string[]): Json {
  return { type: 'object', properties, required, additionalProperties: false }
}

function check(json: Json, schema: Json, shape: string): Json {
  const problems = checkJsonSchema(schema, json)
  if (problems.length > 0) throw invalid(`${shape}: ${problems.join('; ')}`, { problems })
  return json
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
