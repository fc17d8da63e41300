/** Types of the testing entry. */
import type { AgentPlugin, BeforeModelCallEvent, Step } from 'holdfast'
import { Agent } from 'holdfast'
import type { ConformanceCase, CrashReport, EngineUnderTest, TestAgent } from 'holdfast/testing'
import {
  createHarness,
  crashEverywhere,
  durabilityConformance,
  mapDurabilityPlugin,
  memoryEngine,
  pluginConformance,
  scriptedModel,
  text,
} from 'holdfast/testing'
import { expectTypeOf, test } from 'vitest'

const agent = new Agent({ name: 'a', model: scriptedModel([text('done')]) })

test('an agent can be tested, and an event is that of its hook', async () => {
  expectTypeOf(agent).toExtend<TestAgent>()
  const event = await createHarness(agent).fire('BeforeModelCall')
  expectTypeOf(event).toExtend<BeforeModelCallEvent>()
  expectTypeOf(event.step).toEqualTypeOf<Step<'model'>>()
  expectTypeOf(event.denied).toEqualTypeOf<string | undefined>()
  expectTypeOf((await createHarness(agent).fire('AfterToolCall')).retried).toEqualTypeOf<boolean>()
  // @ts-expect-error there is no such hook
  await createHarness(agent).fire('BeforeTool')
})

test('what a plugin author gives', () => {
  expectTypeOf(memoryEngine()).toExtend<EngineUnderTest>()
  expectTypeOf({ start: () => mapDurabilityPlugin(new Map()) }).toExtend<EngineUnderTest>()
  expectTypeOf(durabilityConformance({ create: () => memoryEngine() })).toEqualTypeOf<ConformanceCase[]>()
  expectTypeOf(pluginConformance).parameter(0).toHaveProperty('create').toEqualTypeOf<() => AgentPlugin>()
  expectTypeOf(crashEverywhere({ agent: () => agent, input: 'go' })).toEqualTypeOf<Promise<CrashReport>>()
})
