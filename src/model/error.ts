/** What a model threw, as a `HoldfastError` that says whether another try can help. */
import { HoldfastError, isHoldfastError } from '../errors.ts'
import type { JsonObject } from '../json.ts'

/** The error of an abort: the signal's reason if that is ours (a cancel, a timeout), else `CANCELLED`. */
export function abortError(signal: AbortSignal): HoldfastError {
  const reason = signal.reason as unknown
  if (isHoldfastError(reason)) return reason
  return new HoldfastError({ code: 'CANCELLED', message: 'the model call was cancelled', cause: reason })
}

/**
 * Ours as it is. An API error is retryable where it says so, which is 408, 409, 429 and 5xx unless the provider knows
 * better; 400, 401, 403 and 404 never are. A broken connection is retryable. All else is terminal: asking again would
 * give the same.
 */
export function modelError(error: unknown, model: string): HoldfastError {
  if (isHoldfastError(error)) return error
  const status = statusOf(error)
  const retryable = isRetryable(error, status)
  const retryAfter = retryable ? retryAfterOf(headersOf(error)) : undefined
  const said = messageOf(error)
  const url = read(error, 'url')
  const details: JsonObject = {
    model,
    ...(status !== undefined && { statusCode: status }),
    // A key may stand in the query or before the host.
    ...(typeof url === 'string' && { url: url.replace(/[?#].*$/s, '').replace(/\/\/[^/@]*@/, '//') }),
  }
  return new HoldfastError({
    code: 'MODEL_FAILED',
    kind: retryable ? 'retryable' : 'terminal',
    message: `model '${model}' ${status === undefined ? 'failed' : `answered ${status}`}: ${said} ${advice(status, retryable)}`,
    details,
    ...(retryAfter !== undefined && { retryAfter }),
    cause: error,
  })
}

/** A reply that broke off or that the model itself calls failed: another try may well give a whole one. */
export function brokenReply(where: string, what: string): HoldfastError {
  return new HoldfastError({
    code: 'MODEL_FAILED',
    kind: 'retryable',
    message: `${where} ${what}. It can be asked again; if that keeps happening, look at the provider's status.`,
  })
}

function advice(status: number | undefined, retryable: boolean): string {
  if (status === 401 || status === 403) return 'Check the API key and what it may use.'
  if (status === 404) return "Check the model's id and the provider's base URL."
  if (status === 400 || status === 413 || status === 422)
    return 'Change the request: the same one will be refused again.'
  if (status === 429)
    return retryable ? 'The limit is temporary: it can be tried again.' : "Look at the account's quota."
  return retryable ? 'It can be tried again.' : 'It is not tried again: look at the cause.'
}

const TERMINAL = new Set([400, 401, 403, 404])

function isRetryable(error: unknown, status: number | undefined): boolean {
  if (status !== undefined && TERMINAL.has(status)) return false
  const own = read(error, 'isRetryable')
  // An API error without a status that is not marked so (no connection): what the AI SDK saw is in its cause.
  if (typeof own === 'boolean' && (own || status !== undefined)) return own
  if (status !== undefined) return status === 408 || status === 409 || status === 429 || status >= 500
  return GARBLED.has(read(error, 'name')) || isTransient(error) || isConnectionError(error)
}

/** What the AI SDK makes of a reply that is cut off or torn, e.g. a stream without a finish reason. */
const GARBLED = new Set<unknown>([
  'AI_EmptyResponseBodyError',
  'AI_InvalidResponseDataError',
  'AI_JSONParseError',
  'AI_NoContentGeneratedError',
])

/** Providers put their own error objects into a stream that had begun with a 200. */
function isTransient(error: unknown): boolean {
  const nested = read(error, 'error')
  for (const source of [error, nested]) {
    for (const key of ['type', 'code']) {
      const value = read(source, key)
      if (typeof value === 'number' && (value === 429 || (value >= 500 && value < 600))) return true
      if (
        typeof value === 'string' &&
        /^(overloaded|rate_limit|server_error|internal_server|api_error|timeout)/.test(value)
      )
        return true
    }
  }
  return false
}

const CONNECTION_CODE =
  /^(ECONN|EPIPE$|ETIMEDOUT$|ENOTFOUND$|EAI_AGAIN$|ENETUNREACH$|EHOSTUNREACH$|UND_ERR_(?!INVALID))/
const CONNECTION_MESSAGE = /fetch failed|failed to fetch|load failed|network|terminated|socket hang up/i

function isConnectionError(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 8) return false
  const name = read(error, 'name')
  if (name === 'TimeoutError' || name === 'AbortError') return true
  const code = read(error, 'code')
  if (typeof code === 'string' && CONNECTION_CODE.test(code)) return true
  if (name === 'TypeError' && CONNECTION_MESSAGE.test(messageOf(error))) return true
  return isConnectionError(read(error, 'cause'), depth + 1)
}

function statusOf(error: unknown): number | undefined {
  const status = read(error, 'statusCode')
  return typeof status === 'number' && Number.isInteger(status) ? status : undefined
}

function headersOf(error: unknown): Record<string, unknown> {
  const headers = read(error, 'responseHeaders')
  if (typeof headers !== 'object' || headers === null) return {}
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

/** Milliseconds: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date. */
function retryAfterOf(headers: Record<string, unknown>): number | undefined {
  const exact = numberOf(headers['retry-after-ms'])
  if (exact !== undefined) return Math.round(exact)
  const after = headers['retry-after']
  const seconds = numberOf(after)
  if (seconds !== undefined) return Math.round(seconds * 1000)
  const date = typeof after === 'string' ? Date.parse(after) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now())
}

function numberOf(value: unknown): number | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  return /^\d+(\.\d+)?$/.test(String(value).trim()) ? Number(value) : undefined
}

function messageOf(error: unknown): string {
  const nested = read(error, 'error')
  for (const value of [error, read(error, 'message'), nested, read(nested, 'message')]) {
    if (typeof value === 'string' && value !== '') return /[.!?]$/.test(value) ? value : `${value}.`
  }
  return 'no message.'
}

function read(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined
}
