/** What a run waits for, from the history of its execution. */
import type { Event, LambdaClient } from '@aws-sdk/client-lambda'
import { GetDurableExecutionHistoryCommand } from '@aws-sdk/client-lambda'
import type { ErrorJson, OpenWait, PayloadStore, WaitInput } from '../../index.ts'
import { errorToJson, HoldfastError } from '../../index.ts'
import { ownError } from './failures.ts'
import { HELD } from './protocol.ts'
import { unpack } from './records.ts'
import type { OpenedRecord } from './waits.ts'

export interface KnownWait extends OpenWait {
  readonly callbackId: string
  /** Answered, or over. */
  readonly closed: boolean
}

export interface RunHistory {
  readonly ended: boolean
  readonly waits: readonly KnownWait[]
  /** Names of callbacks that are open and not yet told of. */
  readonly opening: readonly string[]
  /** Why the run is held, what this deploy lacks, or why the last invocation failed. */
  readonly failure?: ErrorJson
}

export async function readHistory(
  client: LambdaClient,
  arn: string,
  payloads: PayloadStore | undefined,
): Promise<RunHistory> {
  const callbacks = new Map<string, { readonly name: string; readonly callbackId: string; closed: boolean }>()
  const opened = new Map<string, OpenedRecord>()
  const unknown = new Map<string, ErrorJson>()
  let failure: ErrorJson | undefined
  let held: ErrorJson | undefined
  let ended = false
  for await (const event of eventsOf(client, arn)) {
    const { Id = '', Name: name = '' } = event
    const callbackId = event.CallbackStartedDetails?.CallbackId
    if (event.EventType === 'CallbackStarted' && callbackId) callbacks.set(Id, { name, callbackId, closed: false })
    const callback = callbacks.get(Id)
    if (callback && event.EventType !== 'CallbackStarted') callback.closed = true
    if (event.EventType !== 'ExecutionStarted' && event.EventType?.startsWith('Execution')) ended = true
    const record = openedOf(event)
    if (record) opened.set(record.callbackId, record)
    if (event.EventType === 'InvocationCompleted') failure = failureOf(event)
    // What was held goes on: something else happens.
    if (name !== HELD && !event.EventType?.startsWith('Invocation')) held = undefined
    const blocking = blockingOf(event)
    if (blocking && name === HELD) held = blocking
    else if (blocking) unknown.set(Id, blocking)
    if (event.EventType === 'StepSucceeded') unknown.delete(Id)
  }
  const [blocking] = unknown.values()
  failure = held ?? blocking ?? failure
  const known = [...callbacks.values()]
  const waits: KnownWait[] = []
  for (const { waitId, callbackId, input } of opened.values()) {
    const closed = known.find((callback) => callback.callbackId === callbackId)?.closed ?? true
    waits.push({
      id: waitId,
      callbackId,
      closed,
      input: closed ? (input as unknown as WaitInput) : ((await unpack(input, payloads)) as unknown as WaitInput),
    })
  }
  const opening = known.filter(({ callbackId, closed }) => !closed && !opened.has(callbackId))
  return { ended, waits, opening: opening.map(({ name }) => name), ...(failure && { failure }) }
}

async function* eventsOf(client: LambdaClient, arn: string): AsyncIterable<Event> {
  let marker: string | undefined
  do {
    const page = await client.send(
      new GetDurableExecutionHistoryCommand({
        DurableExecutionArn: arn,
        IncludeExecutionData: true,
        MaxItems: 1_000,
        ...(marker && { Marker: marker }),
      }),
    )
    yield* page.Events ?? []
    marker = page.NextMarker
  } while (marker)
}

/** Told, or still to be told. */
function openedOf({ EventType, Name = '', StepSucceededDetails, StepFailedDetails }: Event): OpenedRecord | undefined {
  const text =
    EventType === 'StepSucceeded'
      ? StepSucceededDetails?.Result?.Payload
      : EventType === 'StepFailed'
        ? StepFailedDetails?.Error?.Payload?.ErrorData
        : undefined
  if (!text?.includes('"holdfast":"wait"')) return
  try {
    const record = JSON.parse(text) as OpenedRecord
    return record.holdfast === 'wait' ? record : undefined
  } catch (cause) {
    throw new HoldfastError({ code: 'JOURNAL_CORRUPT', message: `the record of operation ${Name} is no JSON`, cause })
  }
}

/** Why a step is tried again that this deploy can't do. */
function blockingOf({ EventType, StepFailedDetails }: Event): ErrorJson | undefined {
  if (EventType !== 'StepFailed' || !StepFailedDetails?.RetryDetails) return undefined
  const error = StepFailedDetails.Error?.Payload
  const own = ownError(error)
  if (own) return own
  const { ErrorType: code, ErrorMessage: message = '' } = error ?? {}
  if (code !== 'TOOL_UNKNOWN' && code !== 'MODEL_UNKNOWN' && code !== 'TASK_UNKNOWN') return undefined
  return { code, kind: 'retryable', message }
}

function failureOf({ InvocationCompletedDetails }: Event): ErrorJson | undefined {
  const error = InvocationCompletedDetails?.Error?.Payload
  if (!error) return
  const message = `the last invocation failed, and the service will try again: ${error.ErrorType}: ${error.ErrorMessage}`
  return errorToJson(
    new HoldfastError({ code: 'ENGINE_UNAVAILABLE', kind: 'retryable', message }),
    'ENGINE_UNAVAILABLE',
  )
}
