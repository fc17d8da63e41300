/** A worker in a process of its own, with the contract agent; it kills itself at the point that it is told, once. */
import { existsSync, writeFileSync } from 'node:fs'
import { WorkflowRuntime } from '@dapr/dapr'
import type { AgentPlugin } from 'holdfast'
import { executionId } from 'holdfast'
import { withPlugins } from '../../../../src/testing/engine.ts'
import { registerAgents, superviseRuntime } from '../../../../src/plugins/dapr/index.ts'
import { createContractAgent } from '../../../support/contract-agent.ts'
import { clientOf } from './client.ts'
import { runsBeside } from './trip-steps.ts'

const { HOST = '', PORT = '', EFFECTS = '', KILL_AT, KILL_MARK = '' } = process.env

/** Executions whose outcome the loop has seen: Dapr has recorded them. */
const recorded = new Set<string>()
let seen = Promise.withResolvers<void>()

async function die(boundary: string, step: string): Promise<void> {
  const point = `${boundary} ${step}`
  if (point !== KILL_AT || existsSync(KILL_MARK)) return
  // What runs beside the step is recorded by then: it must not run again.
  const beside = runsBeside(step)
  while (!beside.every((other) => recorded.has(other))) await seen.promise
  writeFileSync(KILL_MARK, point)
  process.kill(process.pid, 'SIGKILL')
}

async function around<R extends { stepId: string; execution: number }, T>(
  request: R,
  next: (request: R) => Promise<T>,
): Promise<T> {
  const step = executionId({ id: request.stepId, execution: request.execution })
  await die('before-effect', step)
  const output = await next(request)
  await die('after-effect', step)
  return output
}

const killer: AgentPlugin = {
  name: 'killer',
  middleware: { model: around, tool: around },
  observeReplay: true,
  observe(event) {
    if (event.type !== 'step-finished') return
    recorded.add(executionId(event.step))
    seen.resolve()
    seen = Promise.withResolvers()
  },
}
const agent = withPlugins(createContractAgent({ effects: EFFECTS }).definition, [], [killer])
const runtime = new WorkflowRuntime({ daprHost: HOST, daprPort: PORT })
registerAgents(runtime, [agent], { client: clientOf({ host: HOST, grpcPort: Number(PORT) }), cancelInterval: 200 })
superviseRuntime(runtime, { log: (line) => process.send?.(line), interval: 100 })
process.send?.('ready')
// Its parent is gone: so is it.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
