/** Clause: only JSON crosses, and nothing is changed in silence on the way. */
import { VALUES } from '../agents/basic.ts'
import type { CaseDefinition } from './case.ts'
import { essenceOf } from '../essence.ts'
import { check, expectEqual } from '../expect.ts'
import { toJson } from '../../json.ts'

export const codec: readonly CaseDefinition[] = [
  {
    name: 'codec: values',
    clause: 'Bytes, dates, URLs and odd texts come back from the record as they went in.',
    async run(bench) {
      const first = await bench.run('values')
      const given = resultsOf(first.messages)['give']
      expectEqual(given, { type: 'json', value: toJson(VALUES, 'values') }, 'what the tool gave, in the conversation')
      const again = await bench.run('values')
      expectEqual(essenceOf(again), essenceOf(first), 'the result from the record')
    },
  },
  {
    name: 'codec: no JSON',
    clause: 'What is no JSON is refused with its path; the model is told, and the refusal is recorded.',
    async run(bench) {
      const first = await bench.run('values')
      const refused = JSON.stringify(resultsOf(first.messages)['giveFunction'])
      check(
        refused.includes('$.list[0].act'),
        `a function in a tool's output was not refused with its path: ${refused}`,
      )
      const again = await bench.run('values')
      expectEqual(essenceOf(again), essenceOf(first), 'the result from the record')
      expectEqual((await bench.effects()).length, 2, 'the number of times that tools ran')
    },
  },
]

/** Results of tools by their names. */
export function resultsOf(messages: readonly { readonly role: string; readonly content: unknown }[]): {
  readonly [tool: string]: unknown
} {
  const results: Record<string, unknown> = {}
  for (const { role, content } of messages) {
    if (role !== 'tool') continue
    for (const part of content as { toolName: string; output: unknown }[]) results[part.toolName] = part.output
  }
  return results
}
