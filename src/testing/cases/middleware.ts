/** Clause: middleware runs where the work is done, when it is done. */
import { expectEqual } from '../expect.ts'
import { counting, retrying } from '../plugins.ts'
import type { CaseDefinition } from './case.ts'

export const PAIR_STEPS: readonly string[] = [
  '1/model',
  '1/tool/0/left',
  '1/tool/1/right',
  '2/model',
  '2/tool/0/join',
  '3/model',
]

export const middleware: readonly CaseDefinition[] = [
  {
    name: 'middleware',
    clause:
      'Middleware runs once for each execution that really happens, inside what wraps a step, and never on replay.',
    inProcess: true,
    async run(bench) {
      const seen: string[] = []
      await bench.run('pair', { plugins: [counting(seen)] })
      expectEqual([...seen].sort(), [...PAIR_STEPS].sort(), 'the executions that middleware saw')
      seen.length = 0
      await bench.run('pair', { plugins: [counting(seen)] })
      expectEqual(seen, [], 'the executions that middleware saw on replay')
      await bench.run('failing', { runId: 'wrapped', plugins: [retrying(1), counting(seen)] })
      const twice = ['1/tool/0/terminal', '1/tool/1/unknown', '1/tool/2/noError'].flatMap((id) => [id, `${id}#2`])
      const expected = ['1/model', ...twice, '2/model'].sort()
      expectEqual([...seen].sort(), expected, 'the executions that middleware saw inside of a wrapper')
    },
  },
]
