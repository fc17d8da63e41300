/** What an invocation sends, while it lasts and after. */
import type { DurableExecutionClient } from '@aws/durable-execution-sdk-js'
import { isDurableExecutionClientError } from '@aws/durable-execution-sdk-js'
import { expect, test } from 'vitest'
import { openTransport } from '../../../src/plugins/lambda/transport.ts'

const REQUEST = { DurableExecutionArn: 'arn', CheckpointToken: 'token' } as never

function fakeClient(answer: () => Promise<unknown>): DurableExecutionClient & { readonly sent: string[] } {
  const sent: string[] = []
  const send = (what: string) => (): Promise<never> => {
    sent.push(what)
    return answer() as Promise<never>
  }
  return { sent, checkpoint: send('checkpoint'), getExecutionState: send('state') }
}

/** Whether it has settled when all that could settle it has happened. */
async function isSettled(work: Promise<unknown> | undefined): Promise<boolean> {
  let settled = false
  const note = (): void => {
    settled = true
  }
  work?.then(note, note)
  await new Promise((resolve) => setImmediate(resolve))
  return settled
}

test('what is sent goes through, and when the invocation is over nothing leaves any more', async () => {
  const inner = fakeClient(async () => ({ CheckpointToken: 'next' }))
  const { config, close } = openTransport({ durableExecutionClient: inner, plugins: [] })
  const own = config.durableExecutionClient
  expect(await own?.checkpoint(REQUEST)).toEqual({ CheckpointToken: 'next' })
  expect(await own?.getExecutionState(REQUEST)).toEqual({ CheckpointToken: 'next' })
  expect(config.plugins).toEqual([])
  close()
  expect(await isSettled(own?.checkpoint(REQUEST))).toBe(false)
  expect(await isSettled(own?.getExecutionState(REQUEST))).toBe(false)
  expect(inner.sent).toEqual(['checkpoint', 'state'])
})

test('an answer that comes after the end goes to nobody', async () => {
  const { promise, resolve } = Promise.withResolvers<unknown>()
  const { config, close } = openTransport({ durableExecutionClient: fakeClient(() => promise) })
  const sent = config.durableExecutionClient?.checkpoint(REQUEST)
  close()
  resolve({})
  expect(await isSettled(sent)).toBe(false)
})

test('a stale token, however it is written, fails the invocation alone; other failures are as they were', async () => {
  for (const message of ['Invalid checkpoint token', 'Invalid Checkpoint Token: it was used']) {
    const refused = Object.assign(new Error(message), { name: 'InvalidParameterValueException' })
    const { config } = openTransport({ durableExecutionClient: fakeClient(() => Promise.reject(refused)) })
    const error: unknown = await config.durableExecutionClient?.checkpoint(REQUEST).catch((failure: unknown) => failure)
    expect(isDurableExecutionClientError(error)).toBe(true)
    expect(error).toMatchObject({ message, scope: 'INVOCATION', cause: refused })
  }
  const other = new Error('too many requests')
  const { config } = openTransport({ durableExecutionClient: fakeClient(() => Promise.reject(other)) })
  await expect(config.durableExecutionClient?.checkpoint(REQUEST)).rejects.toBe(other)
})

test('two ways at once are for the SDK to refuse', () => {
  const given = { client: {} as never, durableExecutionClient: fakeClient(async () => ({})) }
  expect(openTransport(given).config).toBe(given)
})
