import { describe, expect, it } from 'vitest'
import { addUsage, textOf } from '../src/message.ts'

describe('textOf', () => {
  it('joins the text parts of a message', () => {
    expect(textOf(undefined)).toBe('')
    expect(textOf({ role: 'system', content: 'be kind' })).toBe('be kind')
    const content = [
      { type: 'text', text: 'a' },
      { type: 'reasoning', text: 'hm' },
      { type: 'text', text: 'b' },
    ] as const
    expect(textOf({ role: 'assistant', content })).toBe('ab')
  })
})

describe('addUsage', () => {
  it('adds member by member what is counted', () => {
    expect(addUsage({ inputTokens: 1 }, undefined)).toEqual({ inputTokens: 1 })
    expect(addUsage({ inputTokens: 1 }, { inputTokens: 2, outputTokens: 3, totalTokens: undefined } as never)).toEqual({
      inputTokens: 3,
      outputTokens: 3,
    })
  })
})
