/**
 * A worker that does nothing: while it is connected, daprd has one. A daprd (1.18.1) whose last worker goes in the middle of a
 * workflow's turn may hang for good: it waits for the turn, which waits for a worker, which daprd does not let in.
 */
import { createRequire } from 'node:module'
import { setTimeout } from 'node:timers/promises'
import type { DaprApp } from '../../../../tools/dapr/cluster.mjs'

const require = createRequire(import.meta.url)
const internal = '@dapr/dapr/workflow/internal/durabletask'
const { GrpcClient } = require(`${internal}/client/client-grpc.js`)
const { GetWorkItemsRequest } = require(`${internal}/proto/orchestrator_service_pb.js`)

/** Milliseconds in which daprd lets a worker in, or never does. */
const PATIENCE = 10_000

/** Resolves when daprd has so many workers at least. One that hangs is started again, as whoever runs it would do. */
export async function untilWorkers(daprd: DaprApp, count: number): Promise<void> {
  for (let [until, wanted] = [Date.now() + PATIENCE, count]; ; ) {
    if ((await workersOf(daprd)) >= wanted) return
    if (Date.now() > until) {
      await daprd.kill()
      await daprd.start()
      // The bystander is not connected any more.
      ;[until, wanted] = [Date.now() + PATIENCE, 1]
    }
    await setTimeout(5)
  }
}

async function workersOf({ host, httpPort }: DaprApp): Promise<number> {
  const response = await fetch(`http://${host}:${httpPort}/v1.0/metadata`)
  const { workflows } = (await response.json()) as { workflows?: { connectedWorkers?: number } }
  return workflows?.connectedWorkers ?? 0
}

/** Connected to daprd; gives what ends it. What daprd gave it is then given to another worker. */
export function standBy({ host, grpcPort }: DaprApp): () => void {
  const client = new GrpcClient(`${host}:${grpcPort}`, {}, false)
  const stream = client.stub.getWorkItems(new GetWorkItemsRequest())
  for (const event of ['data', 'error']) stream.on(event, () => {})
  return () => {
    stream.cancel()
    client.stub.close()
  }
}
