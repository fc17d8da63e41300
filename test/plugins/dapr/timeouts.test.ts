/** A step's timeout where its worker is gone or hangs, and daprd believes that it still works. */
import type { WorkflowContext } from '@dapr/dapr'
import { WorkflowContext as Context } from '@dapr/dapr'
import { Agent, tool } from 'holdfast'
import { expect, test } from 'vitest'
import { StepActivities } from '../../../src/plugins/dapr/activities.ts'
import { Pasts } from '../../../src/plugins/dapr/past.ts'
import type { StepCall } from '../../../src/plugins/dapr/protocol.ts'
import { PROTOCOL } from '../../../src/plugins/dapr/protocol.ts'
import { agentWorkflow } from '../../../src/plugins/dapr/workflow.ts'
import { memoryRows } from '../../engines/dapr/support/memory-state.ts'
import { readerModel } from '../../support/reader-model.ts'
import { completed, Execution, fired, quiet } from './support/executor.ts'

quiet()

type Options = Pick<Parameters<typeof tool>[0], 'effect' | 'retry'>

/** A run that has come to its one tool call, which has a timeout of a minute. */
async function untilTool(options: Options, hang: () => boolean) {
  const attempts: number[] = []
  const agent = new Agent({
    name: 'slow',
    model: readerModel([[{ tool: 'work', input: {} }], (results) => `it is ${JSON.stringify(results['work'])}`]),
    tools: [
      tool({
        name: 'work',
        input: { type: 'object' },
        timeout: 60_000,
        execute: (_, { attempt }) => {
          attempts.push(attempt)
          // Not even its timer goes off.
          return hang() ? new Promise(() => {}) : 'done'
        },
        ...options,
      } as Parameters<typeof tool>[0]),
    ],
  })
  const rows = memoryRows()
  const start = { version: PROTOCOL, runId: 'run', nonce: 'nonce', spec: agent.describe(), input: 'go' }
  const workflow = agentWorkflow([agent], { rows, pasts: new Pasts(rows) })
  const execution = new Execution((inner) => workflow(new Context(inner as never) as WorkflowContext, start))
  const steps = new StepActivities(rows, { agents: [agent], cancelInterval: 60_000, remember: 0 })
  const execute = (call: unknown) => steps.execute(call as StepCall)
  /** Has done what is open, but for timers. */
  const work = async (): Promise<void> => {
    const open = execution.open.filter(({ kind }) => kind === 'activity')
    await execution.turn(await Promise.all(open.map(async ({ id, input }) => completed(id, await execute(input)))))
  }
  await execution.turn([])
  await work()
  const [call, timer] = execution.open
  expect(execution.open.map(({ kind }) => kind)).toEqual(['activity', 'timer'])
  return { execution, attempts, work, execute, call: call?.input as StepCall, timer: fired(timer?.id ?? 0) }
}

const text = (execution: Execution): unknown =>
  (execution.result as { output?: { result: { text: string } } }).output?.result.text

test('the timer ends the attempt, and the retry policy counts it; a late answer changes nothing', async () => {
  const { execution, timer, work, attempts } = await untilTool(
    { retry: { maxAttempts: 2, initialInterval: 0 } },
    () => false,
  )
  const [lost] = execution.open
  await execution.turn([timer])
  const [, again] = execution.open
  expect(again?.input).toMatchObject({ attempt: 2 })
  await execution.turn([completed(lost?.id ?? 0, { record: { of: 'late', output: 'late' } })])
  await work()
  await work()
  expect(attempts).toEqual([2])
  expect(text(execution)).toBe('it is "done"')
})

test('without a retry the model is told of the timeout, under the code that the worker itself has for it', async () => {
  const { execution, timer, work } = await untilTool({}, () => false)
  await execution.turn([timer])
  // The one that is open still is lost.
  execution.forget('slow.work')
  await work()
  expect(text(execution)).toMatch(/took more than 60000 ms/)
})

test('a step that is done once at most and had begun is not begun again: its outcome is unknown', async () => {
  const { execution, timer, work, execute, call, attempts } = await untilTool({ effect: 'once' }, () => true)
  void execute(call)
  await expect.poll(() => attempts).toEqual([1])
  await execution.turn([timer])
  execution.forget('slow.work', 1)
  await work()
  expect(attempts).toEqual([1])
  expect(JSON.stringify(execution.status)).toContain('work/unknown')
})

test('one that had not begun is done then', async () => {
  const { execution, timer, work, attempts } = await untilTool({ effect: 'once' }, () => false)
  await execution.turn([timer])
  execution.forget('slow.work', 1)
  await work()
  await work()
  expect(attempts).toHaveLength(1)
  expect(text(execution)).toBe('it is "done"')
})

test('a timer that comes when nobody was there for long does not count: the step may not have begun', async () => {
  const { execution, timer, work } = await untilTool({}, () => false)
  await execution.turn([timer], 600_000)
  expect(execution.open.map(({ kind }) => kind)).toEqual(['activity', 'timer'])
  await work()
  await work()
  expect(text(execution)).toBe('it is "done"')
})
