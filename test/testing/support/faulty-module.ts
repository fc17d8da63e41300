/** An engine that claims more than it does. */
import type { EngineUnderTest } from 'holdfast/testing'
import { memoryEngine } from 'holdfast/testing'

export default function create(): EngineUnderTest {
  return memoryEngine({ change: ({ places }) => ({ places: { ...places, execute: (step) => step } }) })
}
