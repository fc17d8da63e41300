/** What an engine that is not ours needs of the contract. */
import type { AgentPlugin, DurableStep, StepDescriptor } from 'holdfast'
import { durable, fingerprint, HoldfastError, isEngineFailure, requireSameStep, withInput } from 'holdfast'
import { describe, expect, it } from 'vitest'
import { agentOf, call, failureOf, text, toolOf } from '../support/kit.ts'

/** An engine that throws an error of its own around whatever a step fails with. */
const wrapping: AgentPlugin = {
  name: 'wrapping',
  durability: { engine: 'wrapping', dispatch: 'closure', supports: {} },
  hooks: durable({
    execute: (step): DurableStep => ({
      ...step,
      run: (context) =>
        step.run(context).catch((cause) => {
          throw new Error('the step failed', { cause })
        }),
    }),
  }),
}

describe('an engine that wraps the errors of a step', () => {
  it('does not hide that the run was cancelled', async () => {
    const stop = new AbortController()
    const tools = [toolOf('work', { execute: () => stop.abort('enough') })]
    const result = await agentOf([call('work'), text('done')], { tools, use: [wrapping] }).run('go', {
      signal: stop.signal,
    })
    expect([result.status, result.reason]).toEqual(['cancelled', 'enough'])
  })

  it('does not hide that a model is lacking here', async () => {
    const agent = agentOf([text('done')], { use: [wrapping] }).on('BeforeModelCall', (event) => {
      event.step = withInput(event.step, { model: 'other' })
    })
    expect(await failureOf(agent.run('go'))).toMatchObject({ code: 'MODEL_UNKNOWN', kind: 'retryable' })
  })
})

it('tells a run that can go on later from one that failed', () => {
  const of = (code: 'DIVERGED' | 'MODEL_FAILED' | 'SUSPENDED') => new HoldfastError({ code, message: code })
  expect([of('DIVERGED'), of('MODEL_FAILED'), new Error('no')].map(isEngineFailure)).toEqual([true, false, false])
})

it('has what it keeps beside the records compared with the step', () => {
  const step = (input: string): StepDescriptor => {
    return { kind: 'task', id: '1/x', execution: 1, name: 'x', input, policy: { effect: 'repeatable' } }
  }
  requireSameStep(step('a'), fingerprint(step('a')))
  expect(() => requireSameStep(step('a'), fingerprint(step('b')))).toThrow(
    /^step 1\/x is not the one that was recorded/,
  )
})
