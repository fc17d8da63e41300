/** The worker's side of a step, over a state store in memory. */
import type { ToolContext } from 'holdfast'
import { Agent, tool } from 'holdfast'
import { scriptedModel, text } from 'holdfast/testing'
import { expect, test } from 'vitest'
import { StepActivities } from '../../../src/plugins/dapr/activities.ts'
import type { StepCall, StepReply } from '../../../src/plugins/dapr/protocol.ts'
import { cancelKey, PROTOCOL } from '../../../src/plugins/dapr/protocol.ts'
import type { RunRows } from '../../../src/plugins/dapr/run-rows.ts'
import { memoryRows } from './support/memory-state.ts'

type Give = (input: unknown, context: ToolContext) => unknown

/** One process that has an agent with a tool `give`. */
function worker(
  rows: RunRows,
  give: Give,
  { cancelInterval = 60_000 } = {},
): { readonly agent: Agent; execute(input: object): Promise<StepReply> } {
  const agent = new Agent({
    name: 'giver',
    model: scriptedModel(() => text('done')),
    tools: [tool({ name: 'give', input: { type: 'object' }, execute: give })],
  })
  const steps = new StepActivities(rows, { agents: [agent], cancelInterval, remember: 1_000_000 })
  return { agent, execute: (input) => steps.execute(callOf(agent, input)) }
}

function callOf(agent: Agent, input: object): StepCall {
  const id = `1/tool/0/give/${JSON.stringify(input)}`
  return {
    version: PROTOCOL,
    runId: 'run',
    nonce: 'nonce',
    root: agent.name,
    agent: agent.name,
    spec: 'spec',
    pinned: { spec: agent.describe(), context: null },
    step: { kind: 'tool', id, execution: 1, name: 'give', input, policy: {} } as never,
    attempt: 1,
  }
}

async function givenIn(rows: RunRows, reply: StepReply): Promise<string> {
  if (!('held' in reply)) throw new Error(JSON.stringify(reply).slice(0, 300))
  return (await rows.getText(reply.key, reply.held)) ?? ''
}

test('two executions of one attempt: what the one gave is not lost to the other', async () => {
  const rows = memoryRows()
  const [first, second] = await Promise.all(
    ['a', 'b'].map((letter) => worker(rows, () => letter.repeat(100_000)).execute({})),
  )
  if (!first || !second) throw new Error('no reply')
  expect(await givenIn(rows, first)).toContain('aaa')
  expect(await givenIn(rows, second)).toContain('bbb')
})

test('what is held is told by its bytes, and not by its letters', async () => {
  const rows = memoryRows()
  expect(await givenIn(rows, await worker(rows, () => 'ä'.repeat(40_000)).execute({}))).toContain('äää')
})

test('what still runs is joined, however much was done meanwhile', async () => {
  const ended = Promise.withResolvers<string>()
  let times = 0
  const { execute } = worker(memoryRows(), (input) => {
    if (!(input as { readonly slow?: true }).slow) return 'quick'
    times++
    return ended.promise
  })
  const slow = execute({ slow: true })
  for (let index = 0; index < 250; index++) await execute({ index })
  const again = execute({ slow: true })
  ended.resolve('slow')
  expect(await again).toEqual(await slow)
  expect(times).toBe(1)
})

test('a cancel reaches a tool on another worker by its row, with the next look', async () => {
  const rows = memoryRows()
  const looks: string[] = []
  let isCancelled = false
  const watched = {
    get: async (key: string) => {
      if (key !== cancelKey('nonce')) return rows.get(key)
      looks.push(isCancelled ? 'cancelled' : 'not yet')
      return isCancelled ? { reason: 'enough' } : undefined
    },
    first: rows.first.bind(rows),
    put: rows.put.bind(rows),
    putText: rows.putText.bind(rows),
    getText: rows.getText.bind(rows),
  } as unknown as RunRows
  const begun = Promise.withResolvers<void>()
  const give = (_: unknown, { signal }: { readonly signal: AbortSignal }): Promise<void> => {
    begun.resolve()
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
  }
  const reply = worker(watched, give, { cancelInterval: 10 }).execute({})
  await begun.promise
  isCancelled = true
  expect(await reply).toEqual({ cancelled: { reason: 'enough' } })
  expect(looks.filter((look) => look === 'cancelled')).toHaveLength(1)
})
