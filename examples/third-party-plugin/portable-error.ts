/** openworkflow keeps the name and the message of an error: the message takes the whole of ours. */
import type { ErrorJson } from 'holdfast'
import { errorToJson } from 'holdfast'

export function portableError(error: unknown): Error {
  const json = errorToJson(error, 'HOOK_FAILED')
  return Object.assign(new Error(JSON.stringify(json)), { name: json.code })
}

/** The error again; what failed in the engine itself has a message of its own. */
export function fromPortable({ message }: { readonly message: string }): ErrorJson {
  try {
    return JSON.parse(message) as ErrorJson
  } catch {
    return { code: 'ENGINE_UNAVAILABLE', kind: 'retryable', message }
  }
}
