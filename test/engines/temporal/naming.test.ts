/** What is named in place of being repeated: put together again, it is what it was. */
import type { Message } from 'holdfast'
import { expect, test } from 'vitest'
import type { Names } from '../../../src/plugins/temporal/naming.ts'
import { fillIn, nameKnown, noteOutput } from '../../../src/plugins/temporal/naming.ts'
import { overTheWire } from '../../support/kit.ts'

const said: Message = { role: 'assistant', content: [{ type: 'text', text: 'Let me look.' }] }
const found = { flights: ['JL44'] }
const result = (output: object) => ({ type: 'tool-result', toolCallId: 'c', toolName: 'look', output })
const told = {
  role: 'tool',
  content: [
    result({ type: 'json', value: found }),
    result({ type: 'denied', reason: 'no' }),
    result({ type: 'text', value: 'JL44' }),
    result({ type: 'error-text', value: 'sold out' }),
  ],
} as unknown as Message

function namesOfSteps(): Names {
  const names: Names = new Map()
  const of = (kind: string) => ({ kind, id: '1', execution: 1, name: 'look', input: {}, policy: {} }) as never
  noteOutput(names, of('model'), { of: '', name: 'a', output: { message: said, calls: [] } as never })
  noteOutput(names, of('tool'), { of: '', name: 'b', output: found })
  noteOutput(names, of('tool'), { of: '', name: 'c', output: 'JL44' })
  noteOutput(names, of('tool'), { of: '', output: 'unnamed' })
  return names
}

test('what steps gave is left out, and filled in by name', () => {
  const { rest, named } = nameKnown(namesOfSteps(), [said, told])
  expect(named).toEqual({ 0: 'a', '1.0': 'b', '1.2': 'c' })
  expect(JSON.stringify(rest)).not.toContain('JL44')
  const given: Record<string, never> = { a: said, b: found, c: 'JL44' } as never
  const sent = overTheWire({ rest, named })
  expect(fillIn(sent.rest as Message[], sent.named, (name) => given[name])).toEqual([said, told])
})

test('where one is missing, nothing is made up', () => {
  const { rest, named } = nameKnown(namesOfSteps(), [said, told])
  expect(fillIn(overTheWire(rest) as Message[], named, (name) => (name === 'b' ? undefined : 'x'))).toBeUndefined()
})

test('what is named stays what its record says: an edit in place is refused, long or short', () => {
  const names: Names = new Map()
  const of = { kind: 'tool', id: '1', execution: 1, name: 'look', input: {}, policy: {} } as never
  const long = { flights: [{ id: 'JL44' }] }
  const short = { flights: [{ id: 'JL44' }] }
  noteOutput(names, of, { of: '', name: 'a', output: long })
  noteOutput(names, of, { of: '', output: short })
  for (const { flights } of [long, short]) {
    expect(() => Object.assign(flights[0] as object, { id: 'JL45' })).toThrow(TypeError)
    expect(() => flights.push({ id: 'JL45' })).toThrow(TypeError)
  }
})

test('an equal message that no step gave is not named', () => {
  const { rest, named } = nameKnown(namesOfSteps(), [overTheWire(said)])
  expect({ rest, named }).toEqual({ rest: [said], named: {} })
})
