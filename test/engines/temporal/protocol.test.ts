/** Pages of a conversation: whole when they are put together, and never over the server's limit. */
import { expect, test } from 'vitest'
import { pageOf, sizeOf } from '../../../src/plugins/temporal/protocol.ts'

test.each([
  ['plain', 'The quick brown fox. '],
  ['of three bytes', '狐'],
  ['of two units', '🦊🦊🦊'],
  ['quoted', '"\\"'],
])('letters %s', (_, piece) => {
  const text = piece.repeat(Math.ceil(4_000_000 / piece.length))
  let read = ''
  while (read.length < text.length) {
    const page = pageOf(text, read.length)
    expect(sizeOf(page)).toBeLessThanOrEqual(1_500_000)
    // A torn letter would not come back from the wire.
    read += new TextDecoder().decode(new TextEncoder().encode(page))
  }
  expect(read === text).toBe(true)
})
