import { describe, expect, it } from 'vitest'
import type { Json } from '../src/json.ts'
import type { DurableStep, Step, StepContext, StepDescriptor } from '../src/step.ts'
import { bareStep, currentStep, describeStep, settledStep, withInput, wrapStep } from '../src/step-wrap.ts'
import { deepFreeze } from '../src/json.ts'
import { executionId, fingerprint } from '../src/step.ts'

const descriptor: StepDescriptor<'tool'> = {
  kind: 'tool',
  id: '3/tool/0/search',
  execution: 1,
  name: 'search',
  input: { q: 'x', page: 1 },
  policy: { effect: 'repeatable' },
}

/** The inside of a step, which says what it was run with. */
function inside(): { step: Step<'tool'>; ran: { input: Json; context: StepContext | undefined }[] } {
  const ran: { input: Json; context: StepContext | undefined }[] = []
  const step: Step<'tool'> = bareStep(descriptor, (context) => {
    ran.push({ input: currentStep(step, context).input, context })
    return Promise.resolve('done')
  })
  return { step, ran }
}

describe('a wrapped step', () => {
  it('runs what is around it in its place, as often as that wants', async () => {
    const { step, ran } = inside()
    const wrapped = wrapStep(step, async (run) => `${await run()} and ${await run()}`)
    expect(await wrapped.run()).toBe('done and done')
    expect(ran).toHaveLength(2)
  })

  it('is told the step as it is when it runs, changes of later hooks included', async () => {
    const told: Json[] = []
    const { step } = inside()
    const wrapped = wrapStep(step, (run, now) => {
      told.push(now.input)
      return run()
    })
    await withInput(wrapped, { q: 'y' }).run()
    await withInput(withInput(wrapped, { page: 2 }), { q: 'z' }).run()
    await wrapped.run()
    expect(told).toEqual([
      { q: 'y', page: 1 },
      { q: 'z', page: 2 },
      { q: 'x', page: 1 },
    ])
  })

  it('can run the step that it is told of, which keeps the changes', async () => {
    const { step, ran } = inside()
    const wrapped = wrapStep(step, (_, now) => now.run())
    await withInput(wrapped, { q: 'y' }).run()
    expect(ran[0]?.input).toEqual({ q: 'y', page: 1 })
  })

  it('hands the context of the engine on, or another', async () => {
    const { step, ran } = inside()
    const { signal } = new AbortController()
    await wrapStep(step, (run) => run()).run({ attempt: 2, signal })
    await wrapStep(step, (run) => run({ attempt: 3 })).run({ attempt: 2 })
    expect(ran.map(({ context }) => ({ attempt: context?.attempt, signal: context?.signal }))).toEqual([
      { attempt: 2, signal },
      { attempt: 3, signal: undefined },
    ])
  })
})

describe('withInput', () => {
  it('replaces members of an object, and leaves those out that become undefined', () => {
    const { step } = inside()
    expect(withInput(step, { q: 'y' }).input).toEqual({ q: 'y', page: 1 })
    expect(withInput(step, { page: undefined } as never).input).toEqual({ q: 'x' })
    expect(step.input).toEqual({ q: 'x', page: 1 })
  })

  it('replaces anything else whole', () => {
    const { step } = inside()
    expect(withInput(step, 'text').input).toBe('text')
    expect(withInput(withInput(step, [1, 2] as never), { a: 1 }).input).toEqual({ a: 1 })
  })

  it('reaches the inside of a step that was wrapped before it', async () => {
    const { step, ran } = inside()
    await withInput(
      wrapStep(step, (run) => run()),
      { q: 'y' },
    ).run()
    expect(ran[0]?.input).toEqual({ q: 'y', page: 1 })
  })

  it('reaches the inside of a step that is wrapped after it', async () => {
    const { step, ran } = inside()
    await wrapStep(withInput(step, { q: 'y' }), (run) => run()).run()
    expect(ran[0]?.input).toEqual({ q: 'y', page: 1 })
  })

  it('takes bytes and dates, and refuses what is no JSON with the step and the path', () => {
    const { step } = inside()
    expect(withInput(step, { q: new Date(0) } as never).input).toEqual({
      q: { $date: '1970-01-01T00:00:00.000Z' },
      page: 1,
    })
    expect(() => withInput(step, { q: () => {} } as never)).toThrow(
      expect.objectContaining({
        code: 'NOT_JSON',
        message: expect.stringContaining('step 3/tool/0/search: input: $.q is a function'),
      }),
    )
  })

  it('leaves what is JSON already alone: tags are not tagged again', () => {
    const step = bareStep({ ...descriptor, input: { at: { $date: '1970-01-01T00:00:00.000Z' } } }, async () => null)
    expect(withInput(step, { q: 'y' } as never).input).toEqual({ at: { $date: '1970-01-01T00:00:00.000Z' }, q: 'y' })
  })

  it('freezes the input through and through', () => {
    const { step } = inside()
    const { input } = withInput(step, { q: { deep: [{}] } } as never) as unknown as { input: { q: { deep: object[] } } }
    expect(() => input.q.deep.push({})).toThrow(TypeError)
    expect(Object.isFrozen(input.q.deep[0])).toBe(true)
  })
})

describe('a step made by hand with { ...step, run }', () => {
  it('runs, and is told the changes of later hooks where it passes the context on', async () => {
    const { step, ran } = inside()
    const made: Step<'tool'> = { ...step, run: (context) => step.run(context) }
    await withInput(made, { q: 'y' }).run()
    expect(ran[0]?.input).toEqual({ q: 'y', page: 1 })
  })
})

describe('a settled step', () => {
  it('gives its output without running, and says that it was settled', async () => {
    let settled = 0
    const step = bareStep(
      descriptor,
      () => Promise.reject(new Error('ran')),
      () => settled++,
    )
    const wrapped = wrapStep(step, (run) => run())
    expect(await settledStep(wrapped, 'no').run()).toBe('no')
    expect(settled).toBe(1)
  })

  it('refuses an output that is no JSON', () => {
    const { step } = inside()
    expect(() => settledStep(step, { at: new Date(0) } as never)).toThrow(
      expect.objectContaining({
        code: 'NOT_JSON',
        message: expect.stringContaining('step 3/tool/0/search: output: $.at'),
      }),
    )
    expect(() => settledStep(step, undefined as never)).toThrow(expect.objectContaining({ code: 'NOT_JSON' }))
  })
})

describe('describeStep', () => {
  it('gives a bare step as data', () => {
    const { step } = inside()
    expect(describeStep(step)).toEqual(descriptor)
    expect(JSON.parse(JSON.stringify(describeStep(step)))).toEqual(descriptor)
  })

  it('takes the step that durable() is told of, which wraps nothing', async () => {
    const { step } = inside()
    const seen: StepDescriptor[] = []
    await wrapStep(step, async (_, now) => {
      seen.push(describeStep(now as unknown as DurableStep))
      return 'elsewhere'
    }).run()
    expect(seen).toEqual([descriptor])
  })

  it('refuses a step that was wrapped inside of the durable part: STEP_CLOSURE_LOST', () => {
    const { step } = inside()
    const lost = expect.objectContaining({ code: 'STEP_CLOSURE_LOST', details: { step: '3/tool/0/search' } })
    expect(() => describeStep(wrapStep(step, (run) => run()))).toThrow(lost)
    expect(() => describeStep(withInput(step, { q: 'y' }))).toThrow(lost)
    expect(() => describeStep({ ...step, run: () => step.run() })).toThrow(lost)
    expect(() => describeStep({ ...descriptor, run: () => {} })).toThrow(lost)
  })
})

describe('ids and fingerprints are a wire format', () => {
  it('an execution has its number from the second on', () => {
    expect(executionId({ id: '3/model', execution: 1 })).toBe('3/model')
    expect(executionId({ id: '3/model', execution: 2 })).toBe('3/model#2')
  })

  it('a fingerprint never changes', () => {
    expect(fingerprint(descriptor)).toBe('tool:search:45d892b97b78c5261c9691f758afafd7')
    expect(fingerprint({ ...descriptor, input: { page: 1, q: 'x' } })).toBe(fingerprint(descriptor))
  })

  it('a fingerprint tells kind, name, id and input apart, and neither execution nor policy', () => {
    const others: Partial<StepDescriptor>[] = [{ kind: 'task' }, { id: 'x' }, { name: 'x' }, { input: 'x' }]
    const prints = others.map((other) => fingerprint({ ...descriptor, ...other } as StepDescriptor))
    expect(new Set([fingerprint(descriptor), ...prints]).size).toBe(5)
    expect(fingerprint({ ...descriptor, execution: 2, policy: { effect: 'once' } })).toBe(fingerprint(descriptor))
  })
})

describe('deepFreeze', () => {
  it('freezes all that is inside', () => {
    const value = deepFreeze({ a: [{ b: 1 }], c: 'text', d: null })
    expect([value, value.a, value.a[0]].every((each) => Object.isFrozen(each))).toBe(true)
  })
})
