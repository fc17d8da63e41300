/** The contract agent on the emulator, its handler in a process of its own. */
import type { RunResult } from 'holdfast'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createContractAgent } from '../../support/contract-agent.ts'
import { answerAll, effectsOf, LambdaWorld } from './support/world.ts'

const APPROVAL = '2/tool/0/bookFlight/approval'
const INPUT = 'Fly me to Tokyo'
const EFFECTS = [
  'bookFlight trip-42/2/tool/0/bookFlight',
  'forecast trip-42/1/agent/2/weather/1/tool/0/forecast',
  'searchFlights trip-42/1/tool/0/searchFlights',
  'searchHotels trip-42/1/tool/1/searchHotels #1',
  'searchHotels trip-42/1/tool/1/searchHotels #2',
]

let world: LambdaWorld

beforeAll(async () => {
  world = await LambdaWorld.start()
})

afterAll(() => world.stop())

function essence({ status, text, messages, usage, turns, state }: RunResult): unknown {
  return { status, text, messages, usage, turns, plugins: state.plugins }
}

/** What the same agent gives without an engine. */
async function expected(effects: string): Promise<unknown> {
  const agent = createContractAgent({ effects })
  const waiting = await agent.run(INPUT, { runId: 'trip-42' })
  return essence(await agent.resume(waiting.state, { [APPROVAL]: { approved: true } }))
}

test('the run waits for its approval, is answered, and gives what it gives without an engine', async () => {
  const lambda = world.function('contract-child.ts')
  const agent = createContractAgent({ effects: lambda.effects })
  const run = await lambda.runs.start(agent, INPUT, { runId: 'trip-42' })
  expect(await answerAll(run, { [APPROVAL]: { approved: true } })).toEqual([APPROVAL])
  const result = await run.result()
  expect(effectsOf(lambda)).toEqual(EFFECTS)
  expect(essence(result)).toEqual(await expected(`${lambda.effects}-expected`))
  expect(await run.status()).toEqual({ runId: 'trip-42', agent: 'travel', status: 'completed', waits: [] })
  expect(lambda.process.starts).toBe(1)
})
