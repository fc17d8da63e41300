/** A worker in a process of its own, with the contract agent and one that streams. It can be told to die at one point. */
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import type { AgentPlugin } from 'holdfast'
import { executionId } from 'holdfast'
import { HoldfastPlugin } from '../../../../src/plugins/temporal/worker.ts'
import { withPlugins } from '../../../../src/testing/engine.ts'
import { sqliteDurabilityPlugin } from '../../../../src/plugins/sqlite/index.ts'
import { createStreamer } from './streamer.ts'
import { createContractAgent } from '../../../support/contract-agent.ts'

Runtime.install({ logger: new DefaultLogger('ERROR') })

const { ADDRESS = '', QUEUE = '', BUNDLE = '', EFFECTS = '', KILL_AT, KILL_MARK = '', KILL_TIMES = '1' } = process.env
const { STREAMS, KILL_DELAY = '500' } = process.env

/** A dot for each death. */
const deaths = (): number => (existsSync(KILL_MARK) ? readFileSync(KILL_MARK, 'utf8').length : 0)

async function die(point: string): Promise<void> {
  if (point !== KILL_AT || deaths() >= Number(KILL_TIMES)) return
  // What runs beside the step is recorded by then: it must not run again.
  await setTimeout(Number(KILL_DELAY))
  appendFileSync(KILL_MARK, '.')
  process.kill(process.pid, 'SIGKILL')
}

async function around<R extends { stepId: string; execution: number }, T>(
  request: R,
  next: (request: R) => Promise<T>,
) {
  const step = executionId({ id: request.stepId, execution: request.execution })
  await die(`before-effect ${step}`)
  const output = await next(request)
  await die(`after-effect ${step}`)
  return output
}

const killer: AgentPlugin = { name: 'killer', middleware: { model: around, tool: around } }
const agent = withPlugins(createContractAgent({ effects: EFFECTS }).definition, [], [killer])
const streams = STREAMS === undefined ? undefined : sqliteDurabilityPlugin({ path: STREAMS }).durability?.streams
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address: ADDRESS }),
  taskQueue: QUEUE,
  workflowBundle: { codePath: BUNDLE },
  plugins: [
    new HoldfastPlugin({ agents: [agent, createStreamer()], heartbeatInterval: 200, ...(streams && { streams }) }),
  ],
  stickyQueueScheduleToStartTimeout: '1s',
})
process.send?.('ready')
// Its parent is gone: so is it.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
await worker.run()
