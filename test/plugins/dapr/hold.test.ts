/** Runs that can't go on for now, and go on by themselves. */
import type { DaprClient, WorkflowContext } from '@dapr/dapr'
import { WorkflowContext as Context } from '@dapr/dapr'
import { Agent } from 'holdfast'
import { scriptedModel, text } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { StepActivities } from '../../../src/plugins/dapr/activities.ts'
import { Pasts } from '../../../src/plugins/dapr/past.ts'
import type { AgentWorkflowInput, HeldWorkflowInput, StepCall } from '../../../src/plugins/dapr/protocol.ts'
import { PROTOCOL, runKey } from '../../../src/plugins/dapr/protocol.ts'
import { RunRows } from '../../../src/plugins/dapr/run-rows.ts'
import { Store } from '../../../src/plugins/dapr/store.ts'
import { agentWorkflow } from '../../../src/plugins/dapr/workflow.ts'
import { memoryRows } from '../../engines/dapr/support/memory-state.ts'
import { completed, Execution, fired, quiet } from './support/executor.ts'

quiet()

const agent = new Agent({ name: 'held', model: scriptedModel(() => text('the end')) })

const start: AgentWorkflowInput = {
  version: PROTOCOL,
  runId: 'run',
  nonce: 'nonce',
  spec: agent.describe(),
  input: 'go',
}

function runOf(rows: RunRows, given: HeldWorkflowInput): Execution {
  const workflow = agentWorkflow([agent], { rows, pasts: new Pasts(rows) })
  return new Execution((inner) => workflow(new Context(inner as never) as WorkflowContext, given))
}

/** Does the model's step, which is the only one. */
async function reply(execution: Execution): Promise<void> {
  const [call] = execution.open.filter(({ kind }) => kind === 'activity')
  const steps = new StepActivities(memoryRows(), { agents: [agent], cancelInterval: 60_000, remember: 0 })
  const pinned = { spec: agent.describe(), context: null }
  await execution.turn([completed(call?.id ?? 0, await steps.execute({ ...(call?.input as StepCall), pinned }))])
}

test('where the state store does not answer the run looks again after durable timers, and goes on', async () => {
  let isDown = true
  const get = async (_: string, key: string): Promise<unknown> => {
    if (isDown) throw new Error('down')
    return key === runKey('run') ? { agent: 'held', nonce: 'nonce', start } : ''
  }
  const rows = new RunRows(new Store({ state: { get } } as unknown as DaprClient, 'statestore'))
  const execution = runOf(rows, { version: PROTOCOL, runId: 'run', nonce: 'nonce', held: true })
  await execution.turn([])
  expect(JSON.parse(execution.status)).toMatchObject({ status: 'blocked', error: { code: 'ENGINE_UNAVAILABLE' } })
  for (const up of [false, true]) {
    isDown = !up
    const [timer, ...more] = execution.open
    expect([timer?.kind, more]).toEqual(['timer', []])
    await execution.turn([fired(timer?.id ?? 0)])
  }
  expect(execution.open).toMatchObject([{ id: 1, name: 'held.model' }])
  await reply(execution)
  expect(execution.result).toMatchObject({ output: { result: { text: 'the end' } } })
})

test('so it does in the middle of its history, on a worker that does not have the agent', async () => {
  const rows = memoryRows()
  let agents = [agent]
  const workflow = (): ReturnType<typeof agentWorkflow> => agentWorkflow(agents, { rows, pasts: new Pasts(rows) })
  const execution = new Execution((inner) => workflow()(new Context(inner as never) as WorkflowContext, start))
  await execution.turn([])
  agents = []
  await reply(execution)
  expect(JSON.parse(execution.status)).toMatchObject({ status: 'blocked', error: { code: 'TOOL_UNKNOWN' } })
  const [timer, ...more] = execution.open
  expect([timer?.kind, more]).toEqual(['timer', []])
  agents = [agent]
  await execution.turn([fired(timer?.id ?? 0)])
  expect(execution.result).toMatchObject({ output: { result: { text: 'the end' } } })
})
