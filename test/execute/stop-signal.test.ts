/** A step can be stopped by the signal that its engine gives, beside the cancel of its run. */
import { Agent, durable, executionId, isHoldfastError, tool } from 'holdfast'
import type { AgentPlugin } from 'holdfast'
import { call, scriptedModel, text } from 'holdfast/testing'
import { expect, test } from 'vitest'

function stopping(signal: AbortSignal, stopped: unknown[]): AgentPlugin {
  return {
    name: 'stopping',
    durability: { engine: 'stopping', dispatch: 'closure', supports: {} },
    hooks: durable({
      execute: (step) => ({
        ...step,
        run: () =>
          step.run({ signal }).catch((error: unknown) => {
            stopped.push(executionId(step))
            throw error
          }),
      }),
    }),
  }
}

function agentThat(execute: (signal: AbortSignal) => Promise<string>): Agent {
  return new Agent({
    name: 'worker',
    model: scriptedModel([call('work', {}), text('done')]),
    tools: [tool({ name: 'work', input: { type: 'object' }, execute: (_, { signal }) => execute(signal) })],
  })
}

test("the engine's signal reaches the tool, and the step is cancelled", async () => {
  const engine = new AbortController()
  const stopped: unknown[] = []
  let seen: AbortSignal | undefined
  const agent = agentThat((signal) => {
    seen = signal
    engine.abort()
    return new Promise(() => {})
  }).use(stopping(engine.signal, stopped))
  const result = await agent.run('go')
  expect(result.status).toBe('cancelled')
  expect(stopped).toEqual(['1/tool/0/work'])
  expect(isHoldfastError(seen?.reason, 'CANCELLED')).toBe(true)
})

test('so does the cancel of the run, with a signal of the engine that never aborts', async () => {
  const run = new AbortController()
  const agent = agentThat(() => {
    run.abort('enough')
    return new Promise(() => {})
  }).use(stopping(new AbortController().signal, []))
  const result = await agent.run('go', { signal: run.signal })
  expect(result).toMatchObject({ status: 'cancelled', reason: 'enough' })
})
