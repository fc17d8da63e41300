/** The Lambda plugin keeps the promises of the kit: on the emulator, in real time, with simulated processes. */
import { durabilityConformance } from 'holdfast/testing'
import { lambdaDurabilityPlugin } from 'holdfast/lambda'
import { memoryStreams } from 'holdfast'
import { afterAll, beforeAll } from 'vitest'
import { testCases } from '../support/kept-report.ts'
import { EmulatorEngine, memoryCancels } from './support/engine.ts'
import { LambdaWorld } from './support/world.ts'

let world: LambdaWorld

beforeAll(async () => {
  world = await LambdaWorld.start({ skipTime: false })
})

afterAll(() => world.stop())

const { durability } = lambdaDurabilityPlugin({ cancels: memoryCancels(), streams: memoryStreams() })
const cases = durabilityConformance({
  create: () => new EmulatorEngine(world),
  ...(durability && { supports: durability.supports }),
  timeout: 60_000,
})

testCases('lambda', cases, { timeout: 120_000 })
