/** The messages of a run that has ended, where its result names what stands in the history. Needs no worker. */
import type { Client } from '@temporalio/client'
import type { Payload } from '@temporalio/common'
import type { Json, Message } from '../../index.ts'
import { fillIn, spoken } from './naming.ts'
import type { AgentWorkflowInput, NamedRecord, WorkflowResult } from './protocol.ts'

/** Nothing where the history has not got all of it. */
export async function namedMessages(
  client: Client,
  workflowId: string,
  { messages, named }: WorkflowResult,
): Promise<readonly Message[] | undefined> {
  if (!named) return messages
  const given = new Map<string, Json>()
  const note = (record: NamedRecord): void => {
    const { name, of } = record
    const output = spoken({ kind: of.startsWith('model:') ? 'model' : 'tool' }, record.output)
    if (name !== undefined && output !== undefined) given.set(name, output)
  }
  for await (const value of valuesOf(client, workflowId)) {
    const { carried } = (value ?? {}) as Partial<AgentWorkflowInput>
    for (const record of carried ? Object.values(carried.records) : [value as NamedRecord | undefined]) {
      if (typeof record?.of === 'string') note(record)
    }
  }
  return fillIn(messages, named, (name) => given.get(name))
}

/** What the last workflow run was started with, and what its activities gave. */
async function* valuesOf(client: Client, workflowId: string): AsyncGenerator<unknown> {
  const { namespace } = client.options
  let nextPageToken: Uint8Array | null | undefined
  do {
    const page = await client.workflowService.getWorkflowExecutionHistory({
      namespace,
      execution: { workflowId },
      ...(nextPageToken && { nextPageToken }),
    })
    const payloads = (page.history?.events ?? []).flatMap(
      ({ activityTaskCompletedEventAttributes: completed, workflowExecutionStartedEventAttributes: started }) =>
        completed?.result?.payloads?.slice(0, 1) ?? started?.input?.payloads?.slice(0, 1) ?? [],
    )
    yield* await decode(client, payloads)
    nextPageToken = page.nextPageToken
  } while (nextPageToken && nextPageToken.length > 0)
}

async function decode(client: Client, encoded: readonly Payload[]): Promise<unknown[]> {
  const { payloadCodecs, payloadConverter } = client.options.loadedDataConverter
  let payloads = [...encoded]
  for (const codec of payloadCodecs.toReversed()) payloads = await codec.decode(payloads)
  return payloads.map((payload) => {
    try {
      return payloadConverter.fromPayload(payload)
    } catch {
      // A worker keeps it elsewhere, and the run was not told: then it is asked for all of it.
      return undefined
    }
  })
}
