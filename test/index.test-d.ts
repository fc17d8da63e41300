/** What the types of `holdfast` promise to those who write agents and hooks. */
import type {
  AgentEvent,
  AgentPlugin,
  AgentSpec,
  Json,
  ModelInput,
  ModelOutput,
  RunnableAgent,
  RunResult,
  RunState,
  Step,
  StreamChunk,
  ToolContext,
} from 'holdfast'
import { Agent, settledStep, tool, withInput, wrapStep } from 'holdfast'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'

test('a tool is given what its schema makes of the input', () => {
  tool({
    name: 'book',
    input: z.object({ flight: z.string(), at: z.iso.datetime().transform((text) => new Date(text)) }),
    approval: (input) => {
      expectTypeOf(input).toEqualTypeOf<{ flight: string; at: Date }>()
      return true
    },
    execute: (input, context) => {
      expectTypeOf(input).toEqualTypeOf<{ flight: string; at: Date }>()
      expectTypeOf(context).toEqualTypeOf<ToolContext>()
    },
  })
})

test('a tool with a plain JSON Schema is given JSON', () => {
  tool({ name: 'book', input: { type: 'object' }, execute: (input) => expectTypeOf(input).toEqualTypeOf<Json>() })
})

test('a hook has the step of its kind, and may replace it by one', () => {
  const agent = new Agent({ name: 'a' })
  agent.on('BeforeModelCall', (event) => {
    expectTypeOf(event.step).toEqualTypeOf<Step<'model'>>()
    expectTypeOf(event.step.input).toEqualTypeOf<ModelInput>()
    event.step = withInput(event.step, { model: 'smart' })
    event.step = wrapStep(event.step, async (run) => {
      const output = await run()
      expectTypeOf(output).toEqualTypeOf<ModelOutput>()
      return output
    })
    // @ts-expect-error a model step takes no input of a tool
    event.step = withInput(event.step, { flight: 'JL44' })
  })
  agent.on('BeforeToolCall', (event) => {
    event.step = settledStep(event.step, { celsius: 21 })
    event.denyStep('no')
    expectTypeOf(event.interrupt({ name: 'sure' })).toEqualTypeOf<Promise<unknown>>()
    // @ts-expect-error the id comes from the step's place
    event.step.id = 'other'
  })
  agent.on('AfterModelCall', ({ outcome }) => {
    if (outcome.status === 'ok') expectTypeOf(outcome.output).toEqualTypeOf<ModelOutput>()
  })
  // @ts-expect-error there is no such hook
  agent.on('BeforeLunch', () => {})
})

test('a run gives a result whose state goes on', async () => {
  const agent = new Agent({ name: 'a' })
  expectTypeOf(agent).toExtend<RunnableAgent>()
  expectTypeOf(agent.describe()).toEqualTypeOf<AgentSpec>()
  const result = await agent.run('go', { runId: 'r', onWait: 'return' })
  expectTypeOf(result).toEqualTypeOf<RunResult>()
  expectTypeOf(result.state).toEqualTypeOf<RunState>()
  expectTypeOf(agent.resume(result.state, {})).toEqualTypeOf<Promise<RunResult>>()
  for await (const event of agent.stream('go')) expectTypeOf(event).toEqualTypeOf<StreamChunk | AgentEvent>()
})

test('a plugin is a plain object', () => {
  expectTypeOf({ name: 'mine', hooks: { BeforeModelCall: () => {} } }).toExtend<AgentPlugin>()
})
