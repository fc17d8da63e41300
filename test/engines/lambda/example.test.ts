/** The example, as it would be deployed: its handler in a process of its own, on the emulator. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, test } from 'vitest'
import { deployedCases } from './support/deployed.ts'
import type { TestFunction } from './support/world.ts'
import { LambdaWorld } from './support/world.ts'

const serve = fileURLToPath(new URL('../../../examples/lambda/local/serve.ts', import.meta.url))

let world: LambdaWorld
let example: TestFunction

beforeAll(async () => {
  world = await LambdaWorld.start()
  example = world.function(serve)
})

afterAll(() => world.stop())

for (const [index, { name, run }] of deployedCases.entries()) test(name, () => run(example.runs, `example-${index}`))
