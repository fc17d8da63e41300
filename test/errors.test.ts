import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import {
  errorFromJson,
  errorToJson,
  HoldfastError,
  isEngineFailure,
  isHoldfastError,
  isSuspended,
  wrapError,
} from '../src/errors.ts'

const wire = (error: unknown): HoldfastError =>
  errorFromJson(JSON.parse(JSON.stringify(errorToJson(error, 'TOOL_FAILED'))))

describe('an error over a boundary', () => {
  it.each([
    new HoldfastError({ code: 'TOOL_FAILED', message: 'no' }),
    new HoldfastError({
      code: 'MODEL_FAILED',
      kind: 'retryable',
      message: 'later',
      retryAfter: 0,
      details: { statusCode: 429 },
    }),
    new HoldfastError({ code: 'SUSPENDED', kind: 'suspended', message: 'waits', details: null }),
    new HoldfastError({ code: 'HOOK_FAILED', message: 'x', cause: new TypeError('y', { cause: new RangeError('z') }) }),
  ])('comes back equal: $code', (error) => {
    const back = wire(error)
    expect(errorToJson(back, 'TASK_FAILED')).toEqual(errorToJson(error, 'TASK_FAILED'))
    expect(back).toBeInstanceOf(HoldfastError)
    expect(back).toMatchObject({ code: error.code, kind: error.kind, message: error.message })
    expect('details' in back).toBe('details' in error)
    expect(back.retryAfter).toBe(error.retryAfter)
    expect((back.cause as Error | undefined)?.name).toBe((error.cause as Error | undefined)?.name)
  })

  it('is terminal unless said otherwise', () => {
    expect(new HoldfastError({ code: 'TOOL_FAILED', message: '' }).kind).toBe('terminal')
  })

  it('keeps a foreign error as the cause of one with the given code', () => {
    expect(errorToJson(new RangeError('too far'), 'TOOL_FAILED')).toEqual({
      code: 'TOOL_FAILED',
      kind: 'terminal',
      message: 'too far',
      cause: { name: 'RangeError', message: 'too far' },
    })
    expect(errorToJson('just a text', 'TASK_FAILED')).toEqual({
      code: 'TASK_FAILED',
      kind: 'terminal',
      message: 'just a text',
      cause: { name: 'string', message: 'just a text' },
    })
  })

  it('ends a chain of causes that has no end', () => {
    const error = new Error('me')
    error.cause = error
    const text = JSON.stringify(errorToJson(error, 'TOOL_FAILED'))
    expect(text.split('"name"')).toHaveLength(10)
  })
})

describe('guards', () => {
  const foreign = (code: string, kind = 'terminal'): unknown =>
    runInNewContext(`Object.assign(new Error('x'), { name: 'HoldfastError', code: '${code}', kind: '${kind}' })`)

  it('know an error of another realm by its name and code', () => {
    expect(foreign('DIVERGED')).not.toBeInstanceOf(Error)
    expect(isHoldfastError(foreign('DIVERGED'))).toBe(true)
    expect(isHoldfastError(foreign('DIVERGED'), 'DIVERGED')).toBe(true)
    expect(isHoldfastError(foreign('DIVERGED'), 'CANCELLED')).toBe(false)
    expect(isSuspended(foreign('SUSPENDED', 'suspended'))).toBe(true)
    expect(errorToJson(foreign('DIVERGED'), 'TOOL_FAILED').code).toBe('DIVERGED')
  })

  it.each([undefined, null, 'HoldfastError', {}, new Error('x'), { name: 'HoldfastError', message: 'x' }])(
    'are not taken in by %o',
    (other) => {
      expect(isHoldfastError(other)).toBe(false)
      expect(isSuspended(other)).toBe(false)
      expect(isEngineFailure(other)).toBe(false)
    },
  )

  it('tell a failure of the run from an outcome of a step', () => {
    const of = (code: ConstructorParameters<typeof HoldfastError>[0]['code']): boolean =>
      isEngineFailure(new HoldfastError({ code, message: '' }))
    expect(
      (['TOOL_FAILED', 'MODEL_FAILED', 'OUTCOME_UNKNOWN', 'STEP_TIMEOUT', 'NOT_JSON'] as const).filter(of),
    ).toEqual([])
    const run = [
      'DIVERGED',
      'STEP_NOT_RECORDED',
      'STEP_CLOSURE_LOST',
      'TOOL_UNKNOWN',
      'CANCELLED',
      'ENGINE_UNAVAILABLE',
    ] as const
    expect(run.filter(of)).toEqual(run)
    expect(isEngineFailure(new HoldfastError({ code: 'SUSPENDED', kind: 'suspended', message: '' }))).toBe(false)
  })
})

describe('wrapError', () => {
  it('leaves ours as it is', () => {
    const own = new HoldfastError({ code: 'DIVERGED', message: 'x' })
    expect(wrapError(own, 'TOOL_FAILED')).toBe(own)
  })

  it('puts a prefix before the message of another, and keeps it as the cause', () => {
    const cause = new Error('b')
    expect(wrapError(cause, 'TOOL_FAILED', 'a: ')).toMatchObject({ code: 'TOOL_FAILED', message: 'a: b', cause })
  })
})
