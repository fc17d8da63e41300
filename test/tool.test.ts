import { tool } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agentOf, call, text } from './support/kit.ts'

const invalid = expect.objectContaining({ code: 'CONFIG_INVALID' })

describe('tool()', () => {
  it('gives execute what its schema makes of the input', async () => {
    const got: unknown[] = []
    const search = tool({
      name: 'search',
      input: z.object({ q: z.string(), page: z.number().default(1) }),
      execute: ({ q, page }) => void got.push(q.toUpperCase(), page + 1),
    })
    await agentOf([call('search', { q: 'x' }), text('done')], { tools: [search] }).run('go')
    expect(got).toEqual(['X', 2])
  })

  it.each([
    { maxAttempts: 0 },
    { maxAttempts: 1.5 },
    { backoff: 0.5 },
    { backoff: Number.NaN },
    { initialInterval: 'soon' },
    { maxInterval: -1 },
  ])('refuses the retry policy %o', (retry) => {
    expect(() => tool({ name: 'x', input: {}, retry })).toThrow(invalid)
  })

  it.each([{ timeout: 'long' }, { approvalTimeout: '1 day' }])('refuses what is no duration: %o', (options) => {
    expect(() => tool({ name: 'x', input: {}, ...options })).toThrow(invalid)
  })

  it('refuses an input that gives no JSON Schema', () => {
    expect(() => tool({ name: 'x', input: new Map() as never })).toThrow(invalid)
  })
})
