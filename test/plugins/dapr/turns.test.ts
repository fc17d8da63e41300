/** Turns are answered once each, whatever daprd sends: it takes an answer for that of any turn of the workflow. */
import type { WorkflowContext } from '@dapr/dapr'
import { WorkflowContext as Context } from '@dapr/dapr'
import { expect, test } from 'vitest'
import type { Tasks } from '../../../src/plugins/dapr/bridge.ts'
import { bridge } from '../../../src/plugins/dapr/bridge.ts'
import type { TurnRequest, TurnStub } from '../../../src/plugins/dapr/turns.ts'
import { Turns } from '../../../src/plugins/dapr/turns.ts'
import { completed, Execution, fired, item, quiet } from './support/executor.ts'

quiet()

const GRACE = 50

/** A worker's side of turns, and a daprd that hears what it is told. */
function worker({ takes = true } = {}) {
  const heard: string[] = []
  const woken: string[] = []
  const stub: TurnStub = {
    completeOrchestratorTask(response, answered) {
      heard.push(response as string)
      answered(takes ? null : new Error('no such instance'))
    },
  }
  const turns = new Turns((instance) => woken.push(instance), GRACE)
  const take = (request: TurnRequest, name: string, work: Promise<void> = Promise.resolve()): Promise<void> =>
    turns.take(request, stub, async (_, { completeOrchestratorTask }) => {
      await work
      await new Promise<void>((resolve) => completeOrchestratorTask(name, () => resolve()))
    })
  return { heard, woken, take }
}

test('of two items about the same turn the later one is answered, where neither was yet', async () => {
  const { heard, take } = worker()
  const work = Promise.withResolvers<void>()
  const both = [take(item('a', 3), 'ghost', work.promise), take(item('a', 3), 'turn')]
  work.resolve()
  await Promise.all(both)
  expect(heard).toEqual(['turn'])
})

test('one that comes when its turn was answered is not, where another turn shows that the answer was heard', async () => {
  const { heard, take } = worker()
  await take(item('a', 3), 'turn')
  const late = take(item('a', 3), 'ghost')
  await new Promise((resolve) => setImmediate(resolve))
  await take(item('a', 5), 'next turn')
  await late
  expect(heard).toEqual(['turn', 'next turn'])
})

test('one that comes when its turn was answered is, where nothing shows that the answer was heard', async () => {
  const { heard, take } = worker()
  await take(item('a', 3), 'in vain')
  await take(item('a', 3), 'turn')
  expect(heard).toEqual(['in vain', 'turn'])
})

test('one about a turn that is over is not answered', async () => {
  const { heard, take } = worker()
  await take(item('a', 5), 'turn')
  await take(item('a', 3), 'ghost')
  expect(heard).toEqual(['turn'])
})

test('other workflows, executions and connections are their own', async () => {
  const { heard, take } = worker()
  await take(item('a', 5), '1')
  await take(item('b', 3), '2')
  await take(item('a', 0, 'continued as new'), '3')
  expect(heard).toEqual(['1', '2', '3'])
})

test('an answer that nobody waited for: the workflow is woken, as another answer ended the turn', async () => {
  const { woken, take } = worker({ takes: false })
  await take(item('a', 3), 'turn')
  expect(woken).toEqual(['a'])
})

test('what a history has twice, by an answer that ended the wrong turn, is replayed as once', async () => {
  const execution = new Execution((inner: unknown) =>
    bridge(new Context(inner as never) as WorkflowContext, async (tasks: Tasks) => {
      await tasks.activity('first', {})
      await Promise.all([tasks.activity('second', {}), tasks.timer(1_000)])
      return tasks.activity('third', {})
    }),
  )
  await execution.turn([])
  await execution.turn([completed(1, 'x')])
  execution.lose([completed(2, 'x')], { twice: true })
  await execution.turn([fired(3)])
  expect(execution.open).toMatchObject([{ id: 4, kind: 'activity' }])
  await execution.turn([completed(4, 'done')])
  expect(execution.result).toEqual({ output: 'done' })
})
