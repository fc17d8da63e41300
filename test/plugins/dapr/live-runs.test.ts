/** Runs that stay in memory, on the SDK's own executor: they ask for what a replay asks for, and nobody goes through them twice. */
import type { WorkflowContext } from '@dapr/dapr'
import { WorkflowContext as Context } from '@dapr/dapr'
import { expect, test } from 'vitest'
import type { Tasks } from '../../../src/plugins/dapr/bridge.ts'
import { bridge } from '../../../src/plugins/dapr/bridge.ts'
import { holdOnDivergence, keepHeld } from '../../../src/plugins/dapr/hold.ts'
import { LiveRuns } from '../../../src/plugins/dapr/live-runs.ts'
import { completed, Execution, quiet, raised } from './support/executor.ts'

quiet()

/** Steps one after the other; `begun` counts how often it is gone through from the start. */
function counted(steps: number) {
  const count = { begun: 0 }
  const body = async (tasks: Tasks): Promise<unknown> => {
    count.begun++
    const seen: unknown[] = []
    for (let step = 0; step < steps; step++) seen.push(await tasks.activity('work', { step }))
    return seen
  }
  return { count, workflow: workflowOf(body) }
}

function workflowOf(body: (tasks: Tasks) => Promise<unknown>) {
  return async function* (inner: unknown) {
    const context = new Context(inner as never) as WorkflowContext
    holdOnDivergence(context)
    try {
      return yield* bridge(context, body)
    } catch (error) {
      yield* keepHeld(context, false)
      throw error
    }
  }
}

const results = (count: number): string[] => Array.from({ length: count }, (_, index) => `done ${index + 1}`)

test('a run that stays is gone through once, and asks for what a replay of each prefix asks for', async () => {
  const { count, workflow } = counted(10)
  const execution = new Execution(workflow, new LiveRuns())
  await execution.turn([])
  for (let id = 1; id <= 10; id++) await execution.turn([completed(id, `done ${id}`)])
  expect(execution.result).toEqual({ output: results(10) })
  // Without the parts of the SDK that are not public each turn is a replay.
  expect(count.begun).toBe(1)
  for (let turns = 1; turns <= execution.turns.length; turns++) {
    expect(await execution.replay(turns)).toEqual(execution.turns[turns - 1]?.actions)
  }
})

for (const where of ['here', 'elsewhere']) {
  test(`a turn that daprd did not keep is forgotten, where it is then done ${where}`, async () => {
    const { count, workflow } = counted(3)
    const execution = new Execution(workflow, new LiveRuns())
    await execution.turn([])
    await execution.giveUp([completed(1, 'lost')])
    const kept = execution.live
    if (where === 'elsewhere') execution.live = new LiveRuns()
    await execution.turn([completed(1, 'done 1')])
    execution.live = kept
    await execution.turn([completed(2, 'done 2')])
    await execution.turn([completed(3, 'done 3')])
    expect(execution.result).toEqual({ output: results(3) })
    expect(count.begun).toBe(where === 'here' ? 2 : 3)
  })
}

test('what was done elsewhere meanwhile is made up for', async () => {
  const { count, workflow } = counted(4)
  const execution = new Execution(workflow, new LiveRuns())
  await execution.turn([])
  await execution.turn([completed(1, 'done 1')])
  const kept = execution.live
  execution.live = new LiveRuns()
  await execution.turn([completed(2, 'done 2')])
  execution.live = kept
  await execution.turn([completed(3, 'done 3')])
  await execution.turn([completed(4, 'done 4')])
  expect(execution.result).toEqual({ output: results(4) })
  expect(count.begun).toBe(2)
})

test('a run that is held is gone through anew with each event', async () => {
  let isBroken = true
  const workflow = workflowOf(async (tasks) => {
    await tasks.activity('work', {})
    await tasks.direct(async () => {
      if (isBroken) throw new Error('no state store')
    })
    return 'done'
  })
  const execution = new Execution(workflow, new LiveRuns())
  await execution.turn([])
  await execution.turn([completed(1, 'done 1')])
  expect(execution.result).toBeUndefined()
  isBroken = false
  await execution.turn([raised('wake', {})])
  expect(execution.result).toEqual({ output: 'done' })
})

test('of many runs those that had no turn for long go', async () => {
  const live = new LiveRuns(2)
  const { count, workflow } = counted(2)
  const executions = ['a', 'b', 'c'].map((instance) => new Execution(workflow, live, instance))
  for (const execution of executions) await execution.turn([])
  for (const execution of executions.toReversed()) await execution.turn([completed(1, 'done 1')])
  expect(count.begun).toBe(4)
})
