import { APICallError, EmptyResponseBodyError, InvalidResponseDataError, JSONParseError } from '@ai-sdk/provider'
import { describe, expect, test, vi } from 'vitest'
import type { HoldfastError } from '../src/errors.ts'
import { errorToJson, HoldfastError as Failure } from '../src/errors.ts'
import { ask, fakeModel } from './support/fake-model.ts'

async function failWith(error: unknown, signal = new AbortController().signal): Promise<HoldfastError> {
  const model = fakeModel('v4', [])
  model.doStream = () => Promise.reject(error)
  return ask(model, { signal }).then(
    () => expect.fail('should have failed'),
    (thrown: HoldfastError) => thrown,
  )
}

function apiError(
  statusCode: number | undefined,
  more: Partial<ConstructorParameters<typeof APICallError>[0]> = {},
): APICallError {
  return new APICallError({
    message: 'it said no',
    url: 'https://user:pw@api.example/v1/chat?key=SECRET',
    requestBodyValues: { secret: 'SECRET' },
    ...(statusCode !== undefined && { statusCode }),
    ...more,
  })
}

describe('an API error', () => {
  test.each([
    [400, 'terminal'],
    [401, 'terminal'],
    [403, 'terminal'],
    [404, 'terminal'],
    [413, 'terminal'],
    [422, 'terminal'],
    [408, 'retryable'],
    [409, 'retryable'],
    [429, 'retryable'],
    [500, 'retryable'],
    [503, 'retryable'],
    [529, 'retryable'],
  ])('%i is %s', async (statusCode, kind) => {
    const error = await failWith(apiError(statusCode))
    expect(error).toMatchObject({
      code: 'MODEL_FAILED',
      kind,
      details: { statusCode, model: 'fake/one', url: 'https://api.example/v1/chat' },
    })
    expect(error.message).toMatch(new RegExp(`^model 'fake/one' answered ${statusCode}: it said no\\. [A-Z].*\\.$`))
    expect(error.cause).toBeInstanceOf(APICallError)
  })

  test.each([400, 401, 403, 404])('%i is terminal whatever the provider says', async (statusCode) => {
    expect((await failWith(apiError(statusCode, { isRetryable: true }))).kind).toBe('terminal')
  })

  test('of other codes: the provider knows better', async () => {
    expect((await failWith(apiError(429, { isRetryable: false }))).kind).toBe('terminal')
    expect((await failWith(apiError(418, { isRetryable: true }))).kind).toBe('retryable')
  })

  test('is known by what it has, not by its class', async () => {
    const copy = { name: 'AI_APICallError', message: 'x', statusCode: 503 }
    expect(await failWith(copy)).toMatchObject({ kind: 'retryable', details: { statusCode: 503 } })
  })

  test('without a status: the connection', async () => {
    expect((await failWith(apiError(undefined, { isRetryable: true }))).kind).toBe('retryable')
    expect((await failWith(apiError(undefined))).kind).toBe('terminal')
    const cause = Object.assign(new Error('x'), { code: 'ECONNRESET' })
    expect((await failWith(apiError(undefined, { cause }))).kind).toBe('retryable')
  })

  test('gives away no key, no body and no header', async () => {
    const error = await failWith(apiError(500, { responseHeaders: { 'x-key': 'SECRET' }, responseBody: 'SECRET' }))
    expect(JSON.stringify(errorToJson(error, 'MODEL_FAILED'))).not.toMatch(/SECRET|pw/)
  })
})

describe('Retry-After', () => {
  test.each([
    [{ 'retry-after-ms': '1500' }, 1500],
    [{ 'retry-after': '2' }, 2000],
    [{ 'Retry-After': ' 0.5 ' }, 500],
    [{ 'retry-after-ms': '10', 'retry-after': '2' }, 10],
    [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:07 GMT' }, 7000],
    [{ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, 0],
    [{ 'retry-after': 'later' }, undefined],
    [{}, undefined],
  ])('%j is %s ms', async (responseHeaders, expected) => {
    vi.useFakeTimers({ now: Date.UTC(2026, 0, 1), toFake: ['Date'] })
    try {
      const error = await failWith(apiError(429, { responseHeaders: responseHeaders as Record<string, string> }))
      expect(error.retryAfter).toBe(expected)
    } finally {
      vi.useRealTimers()
    }
  })

  test('of a terminal error is not given', async () => {
    expect((await failWith(apiError(400, { responseHeaders: { 'retry-after': '1' } }))).retryAfter).toBeUndefined()
  })
})

describe('other errors', () => {
  const withCode = (code: string) => Object.assign(new Error('socket'), { code })
  test.each([
    ['fetch failed', new TypeError('fetch failed')],
    [
      'fetch failed, by its cause',
      new Error('outer', { cause: new TypeError('fetch failed', { cause: withCode('ECONNREFUSED') }) }),
    ],
    ['ECONNRESET', withCode('ECONNRESET')],
    ['UND_ERR_SOCKET', withCode('UND_ERR_SOCKET')],
    ['a cut-off reply', new InvalidResponseDataError({ data: undefined, message: 'x' })],
    ['an empty reply', new EmptyResponseBodyError()],
    ['a torn reply', new JSONParseError({ text: '{', cause: new Error('x') })],
    ['a timeout', Object.assign(new Error('x'), { name: 'TimeoutError' })],
    ["an abort that is not the run's", Object.assign(new Error('x'), { name: 'AbortError' })],
  ])('%s is retryable', async (_, error) => {
    expect(await failWith(error)).toMatchObject({ code: 'MODEL_FAILED', kind: 'retryable' })
  })

  test.each([
    ['an error', new Error('x')],
    ["a mistake in the provider's code", new TypeError('undefined is not a function')],
    ['a text', 'x'],
    ['nothing', undefined],
  ])('%s is terminal', async (_, error) => {
    expect(await failWith(error)).toMatchObject({
      code: 'MODEL_FAILED',
      kind: 'terminal',
      details: { model: 'fake/one' },
    })
  })

  test('ours passes as it is', async () => {
    const error = new Failure({ code: 'ENGINE_UNAVAILABLE', kind: 'retryable', message: 'x' })
    expect(await failWith(error)).toBe(error)
  })

  test('a cause that is its own cause ends', async () => {
    const error: { cause?: unknown } = {}
    error.cause = error
    expect((await failWith(error)).kind).toBe('terminal')
  })
})

describe('an abort by the signal', () => {
  test('is CANCELLED, whatever the model makes of it', async () => {
    const controller = new AbortController()
    const model = fakeModel('v4', [])
    model.doStream = ({ abortSignal }) =>
      new Promise((_, reject) => abortSignal?.addEventListener('abort', () => reject(apiError(500))))
    const reply = ask(model, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(reply).rejects.toMatchObject({ code: 'CANCELLED', kind: 'terminal', cause: { message: 'enough' } })
  })

  test('keeps a reason of ours, e.g. a timeout', async () => {
    const reason = new Failure({ code: 'STEP_TIMEOUT', kind: 'retryable', message: 'x' })
    expect(await failWith(new Error('x'), AbortSignal.abort(reason))).toBe(reason)
  })
})
