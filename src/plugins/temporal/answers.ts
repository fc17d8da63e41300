/** Answers of people, as the workflow checks them before the server records them. */
import type { Json, WaitInput } from '../../index.ts'
import { errorToJson, validateAnswer } from '../../index.ts'
import { refuse } from './failures.ts'

/** The answer as it is recorded. Throws a failure that says `ANSWER_INVALID`. */
export function checkAnswer(input: WaitInput, answer: Json): Json {
  try {
    return validateAnswer(input, answer)
  } catch (error) {
    return refuse(errorToJson(error, 'ANSWER_INVALID'))
  }
}
