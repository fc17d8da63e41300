/** A client, and workers in this process, on the server of the test run. */
import { randomUUID } from 'node:crypto'
import { Client, Connection } from '@temporalio/client'
import type { DataConverter } from '@temporalio/common'
import type { WorkerOptions } from '@temporalio/worker'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'
import { inject } from 'vitest'
import type { TemporalRuns, TemporalRunsOptions } from '../../../../src/plugins/temporal/client.ts'
import { temporalRuns } from '../../../../src/plugins/temporal/client.ts'
import type { HoldfastPluginOptions, WorkerAgent } from '../../../../src/plugins/temporal/worker.ts'
import { HoldfastPlugin } from '../../../../src/plugins/temporal/worker.ts'

Runtime.install({ logger: new DefaultLogger('ERROR'), shutdownSignals: [] })

export interface TemporalWorld {
  readonly taskQueue: string
  readonly client: Client
  readonly runs: TemporalRuns
  /** A worker in this process; stopped with the world. */
  work(
    agents: readonly WorkerAgent[],
    options?: Partial<HoldfastPluginOptions>,
    worker?: Partial<WorkerOptions>,
  ): Promise<Stop>
  close(): Promise<void>
}

type Stop = () => Promise<void>

export async function temporalWorld(
  options: TemporalRunsOptions = {},
  dataConverter: DataConverter = {},
): Promise<TemporalWorld> {
  const { address, bundle } = inject('temporal')
  const taskQueue = `queue-${randomUUID()}`
  const connection = await Connection.connect({ address })
  const client = new Client({ connection, dataConverter })
  const stops: Stop[] = []
  const natives: NativeConnection[] = []
  return {
    taskQueue,
    client,
    runs: temporalRuns(client, { taskQueue, patience: 3_000, ...options }),
    async work(agents, plugin = {}, options = {}) {
      // Workers of one task queue do not share a connection.
      const native = await NativeConnection.connect({ address })
      natives.push(native)
      const worker = await Worker.create({
        connection: native,
        taskQueue,
        dataConverter,
        workflowBundle: { codePath: bundle },
        plugins: [new HoldfastPlugin({ agents, heartbeatInterval: 200, ...plugin })],
        shutdownForceTime: '2s',
        ...options,
      })
      const done = worker.run()
      const stop = async (): Promise<void> => {
        if (worker.getState() === 'RUNNING') worker.shutdown()
        await done
      }
      stops.push(stop)
      return stop
    },
    async close() {
      await Promise.all(stops.map((stop) => stop()))
      await connection.close()
      await Promise.all(natives.map((native) => native.close()))
    },
  }
}
