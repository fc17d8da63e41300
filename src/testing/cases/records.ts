/** Clause: a record is as large as the engine says, or is refused at once. */
import { check, expectEqual } from '../expect.ts'
import { essenceOf } from '../essence.ts'
import type { CaseDefinition } from './case.ts'
import { resultsOf } from './codec.ts'

export const records: readonly CaseDefinition[] = [
  {
    name: 'records: at the limit',
    clause: 'A record that is as large as the engine says it takes comes back whole.',
    requires: ['recordBytes'],
    async run(bench) {
      // What a record has besides the output is small.
      const size = (bench.supports.recordBytes ?? 0) - 1_000
      const first = await bench.run('large', { context: { size } })
      const given = resultsOf(first.messages)['give'] as { readonly value?: string }
      expectEqual(given.value?.length, size, 'the length of what the tool gave')
      expectEqual(
        essenceOf(await bench.run('large', { context: { size } })),
        essenceOf(first),
        'the result from the record',
      )
    },
  },
  {
    name: 'records: over the limit',
    clause:
      'A record that is too large is refused at once. A tool that ran has not failed by it: the model is told that it ran, and it does not run again.',
    requires: ['recordBytes'],
    async run(bench) {
      const context = { size: (bench.supports.recordBytes ?? 0) + 1_000 }
      const result = await bench.run('large', { context })
      const told = resultsOf(result.messages)['give'] as { readonly value?: { readonly ran?: boolean } } | undefined
      check(
        told?.value?.ran === true,
        `the model was told ${JSON.stringify(told)?.slice(0, 200)}, not that the tool ran`,
      )
      expectEqual((await bench.effects()).length, 1, 'how often the tool ran')
      await bench.run('large', { context })
      expectEqual((await bench.effects()).length, 1, 'how often the tool ran, with the run asked for again')
    },
  },
]
