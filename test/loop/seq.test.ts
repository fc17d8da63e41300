import { describe, expect, it } from 'vitest'
import { Seq } from '../../src/loop/seq.ts'

describe('Seq', () => {
  it('counts what happens one after the other in whole numbers', () => {
    const seq = new Seq()
    expect([seq.next(), seq.next(), seq.next()]).toEqual([1, 2, 3])
  })

  it('numbers what happens inside in thousandths, whatever the order in which it happens', () => {
    const seq = new Seq()
    const [first, second] = [seq.child(), seq.child()]
    expect([second.next(), first.next(), first.next(), second.next()]).toEqual([2.001, 1.001, 1.002, 2.002])
    expect(first.child().next()).toBe(1.003001)
    expect(seq.next()).toBe(3)
  })
})
