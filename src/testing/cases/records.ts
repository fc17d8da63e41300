/** Clause: a record is as large as the engine says, or is refused at once. */
import { BrokenPromise, check, expectEqual } from '../expect.ts'
import { essenceOf } from '../essence.ts'
import { isHoldfastError } from '../../errors.ts'
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
      'A record that is too large is refused at once, terminally, and the tool that ran does not run again for it.',
    requires: ['recordBytes'],
    async run(bench) {
      const context = { size: (bench.supports.recordBytes ?? 0) + 1_000 }
      try {
        const result = await bench.run('large', { context })
        const told = JSON.stringify(resultsOf(result.messages)['give'])
        check(
          /"ran":true|bytes/.test(told),
          `the model was told ${told.slice(0, 200)}: neither that it ran nor the size`,
        )
      } catch (error) {
        if (error instanceof BrokenPromise) throw error
        const ours = isHoldfastError(error, 'PAYLOAD_TOO_LARGE')
        check(ours, `a record that is too large failed the run with ${String(error)}`)
      }
      expectEqual((await bench.effects()).length, 1, 'how often the tool ran')
      await bench.run('large', { context }).catch(() => {})
      expectEqual((await bench.effects()).length, 1, 'how often the tool ran, with the run asked for again')
    },
  },
]
