/**
 * Waking runs. Dapr takes an event only while a worker is connected, so what can't be told at once is kept in the state store,
 * and the next worker tells it. A run may be told twice: it then looks twice, and finds the same.
 */
import type { DaprClient } from '@dapr/dapr'
import { CommunicationProtocolEnum, DaprWorkflowClient } from '@dapr/dapr'
import { HoldfastError } from '../../index.ts'
import { ENDED } from './look.ts'
import type { RunEvent } from './protocol.ts'
import { EVENT } from './protocol.ts'
import type { Store } from './store.ts'

const KEY = 'holdfast/wakes'

interface Wake {
  readonly instance: string
  readonly event: RunEvent
}

interface Wakes {
  readonly list: readonly Wake[]
}

/**
 * Wakes a run, now or when a worker is there.
 * @throws `ENGINE_UNAVAILABLE` where neither daprd nor the state store takes it
 */
export async function wake(
  workflows: DaprWorkflowClient,
  store: Store,
  instance: string,
  event: RunEvent,
): Promise<void> {
  const raised = raise(workflows, { instance, event })
  // Without a worker Dapr itself tries for some seconds.
  if (await Promise.race([raised, later()])) return
  if (event.type === 'wake') return
  await change(store, (list) => [...list, { instance, event }])
}

/** What a worker does when it is connected: tells what could not be told without one. */
export async function deliver(workflows: DaprWorkflowClient, store: Store): Promise<void> {
  const found = await store.get<Wakes>(KEY)
  const list = found?.list ?? []
  const results = await Promise.all(
    list.map(async (one) => (await raise(workflows, one)) || (await isOver(workflows, one))),
  )
  const told = list.filter((_, index) => results[index])
  if (told.length === 0) return
  const gone = new Set(told.map((one) => JSON.stringify(one)))
  await change(store, (list) => list.filter((one) => !gone.has(JSON.stringify(one))))
}

/** Milliseconds after which an event is left to the next worker. */
const PATIENCE = 500

function later(): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), PATIENCE))
}

async function raise(workflows: DaprWorkflowClient, { instance, event }: Wake): Promise<boolean> {
  return workflows.raiseEvent(instance, EVENT, event).then(
    () => true,
    () => false,
  )
}

/** Nobody is to be told of a run that was ended from outside or deleted. */
async function isOver(workflows: DaprWorkflowClient, { instance }: Wake): Promise<boolean> {
  const state = await workflows.getWorkflowState(instance, false)
  return !state || ENDED.has(state.runtimeStatus)
}

async function change(store: Store, to: (list: readonly Wake[]) => readonly Wake[]): Promise<void> {
  for (;;) {
    const { value, etag } = await store.getWithTag<Wakes>(KEY)
    if (await store.replace(KEY, { list: to(value?.list ?? []) }, etag)) return
  }
}

/** A client of workflows for the daprd that another client talks to. */
export function workflowsOf({ options }: DaprClient): DaprWorkflowClient {
  const { daprHost, daprPort, daprApiToken, communicationProtocol } = options
  if (communicationProtocol !== CommunicationProtocolEnum.GRPC) {
    throw new HoldfastError({
      code: 'CONFIG_INVALID',
      message:
        'a DaprClient over gRPC is needed: new DaprClient({ communicationProtocol: CommunicationProtocolEnum.GRPC }), or a ' +
        'DaprWorkflowClient beside it: { workflows }.',
    })
  }
  return new DaprWorkflowClient({ daprHost, daprPort, ...(daprApiToken !== undefined && { daprApiToken }) })
}
