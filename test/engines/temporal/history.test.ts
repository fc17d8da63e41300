/** The history grows with what is new; a worker that has nothing of a conversation asks the run for it. */
import type { RunResult } from 'holdfast'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { agentOf, call, scriptedModel, text, toolOf } from '../../support/kit.ts'
import type { TemporalWorld } from './support/world.ts'
import { temporalWorld } from './support/world.ts'

/** A conversation of `turns` tool calls, with `letters` of tool output in each. */
function talker(turns: number, letters: number) {
  const model = scriptedModel((_, turn) => (turn <= turns ? call('look', { turn }) : text('done')))
  const output = 'The quick brown fox. '.repeat(Math.ceil(letters / 21))
  return agentOf(model, {
    name: 'talker',
    limits: { turns: turns + 5 },
    tools: [toolOf('look', { execute: (input) => `${JSON.stringify(input)} ${output}` })],
  })
}

let world: TemporalWorld
beforeEach(async () => {
  world = await temporalWorld()
})
afterEach(() => world.close())

interface Seen {
  readonly result: RunResult
  readonly bytes: number
  readonly events: number
  readonly took: number
}

async function runOf(agent: ReturnType<typeof talker>, runId: string): Promise<Seen> {
  const started = performance.now()
  const result = await (await world.runs.start(agent, 'go', { runId })).result()
  const took = performance.now() - started
  const { raw } = await world.client.workflow.getHandle(runId).describe()
  const { historySizeBytes, historyLength } = raw.workflowExecutionInfo ?? {}
  return { result, bytes: Number(historySizeBytes), events: Number(historyLength), took }
}

function report(name: string, { result, bytes, events, took }: Seen): void {
  const perTurn = (took / result.turns).toFixed(1)
  console.log(
    `${name}: ${result.turns} model calls, ${events} events, ${(bytes / 1e6).toFixed(2)} MB, ${perTurn} ms per turn`,
  )
}

test('200,000 tokens of conversation with 100 tool calls stay under 5 MB of history', async () => {
  const agent = talker(100, 8_000)
  await world.work([agent])
  const seen = await runOf(agent, 'long')
  report('100 turns of 8 KB', seen)
  expect(seen.result).toMatchObject({ status: 'completed', turns: 101 })
  expect(JSON.stringify(seen.result.messages).length).toBeGreaterThan(800_000)
  expect(seen.bytes).toBeLessThan(5_000_000)
})

test('twice the turns are twice the history', async () => {
  const sizes: number[] = []
  for (const turns of [25, 50, 100]) {
    const agent = talker(turns, 2_000)
    const stop = await world.work([agent])
    const seen = await runOf(agent, `line-${turns}`)
    report(`${turns} turns of 2 KB`, seen)
    sizes.push(seen.bytes)
    await stop()
  }
  const [first = 0, second = 0, third = 0] = sizes
  expect(third - second).toBeGreaterThan((second - first) * 1.8)
  expect(third - second).toBeLessThan((second - first) * 2.2)
})

describe('without anything remembered', () => {
  test('the worker asks the run, and the run is the same', async () => {
    const agent = talker(40, 8_000)
    const stop = await world.work([agent])
    const warm = await runOf(agent, 'warm')
    await stop()
    await world.work([agent], { remember: 0 })
    const cold = await runOf(agent, 'cold')
    report('warm', warm)
    report('cold', cold)
    expect(cold.result.messages).toEqual(warm.result.messages)
    expect(Math.abs(cold.bytes - warm.bytes)).toBeLessThan(20_000)
  })

  test('a result needs no worker: what it names stands in the history', async () => {
    const agent = talker(20, 8_000)
    const stop = await world.work([agent])
    const run = await world.runs.start(agent, 'go', { runId: 'left-alone' })
    const { messages } = await run.result()
    await stop()
    const again = await run.result()
    expect(again.messages).toEqual(messages)
    expect(again.state.messages).toEqual(messages)
    expect(JSON.stringify(messages).length).toBeGreaterThan(160_000)
    const { raw } = await world.client.workflow.getHandle('left-alone').describe()
    // Each thing once, and what a server needs to keep of each step.
    expect(Number(raw.workflowExecutionInfo?.historySizeBytes)).toBeLessThan(JSON.stringify(messages).length * 1.5)
  })

  test('what is new and large is asked for too, in pages', async () => {
    const agent = talker(3, 700_000)
    await world.work([agent])
    const seen = await runOf(agent, 'large')
    report('3 turns of 700 KB', seen)
    expect(seen.result).toMatchObject({ status: 'completed', turns: 4 })
    expect(JSON.stringify(seen.result.messages).length).toBeGreaterThan(2_100_000)
    expect(seen.bytes).toBeLessThan(3_000_000)
  })
})

test('a run goes on as a new workflow run, with what it has done and what it waits for', async () => {
  const script = scriptedModel((_, turn) => (turn === 9 ? text('done') : call(turn === 6 ? 'pay' : 'look', { turn })))
  let looked = 0
  const agent = agentOf(script, {
    name: 'walker',
    tools: [toolOf('look', { execute: () => ++looked }), toolOf('pay', { approval: true })],
  })
  await world.close()
  world = await temporalWorld({ continueAfter: 40 })
  await world.work([agent])
  const run = await world.runs.start(agent, 'go', { runId: 'walker' })
  await expect.poll(async () => (await run.status()).status, { timeout: 20_000 }).toBe('waiting')
  await run.respond('6/tool/0/pay/approval', { approved: true })
  expect(await run.result()).toMatchObject({ status: 'completed', text: 'done', turns: 9 })
  expect(looked).toBe(7)
  // The memo goes along.
  expect(await run.status()).toMatchObject({ agent: 'walker', status: 'completed' })
  const workflowRuns: string[] = []
  for await (const { runId, workflowId } of world.client.workflow.list())
    if (workflowId === 'walker') workflowRuns.push(runId)
  console.log(`${workflowRuns.length} workflow runs`)
  expect(workflowRuns.length).toBeGreaterThan(1)
})
