/** The code of docs/hooks.md. */
import type { AgentPlugin, Message } from 'holdfast'
import { Agent, settledStep, tool, withInput, wrapStep } from 'holdfast'
import { call, createHarness, scriptedModel, text } from 'holdfast/testing'
import { expect, test } from 'vitest'

const fetchQuota = async (tenant: unknown, _signal: AbortSignal): Promise<number> => (tenant === 'acme' ? 3 : 0)

const hideCardNumbers = (message: Message): Message =>
  JSON.parse(JSON.stringify(message).replaceAll(/\d{4}( ?\d{4}){3}/g, '****'))

function weather(fetchWeather: () => number = () => 19) {
  const smart = scriptedModel([call('temperature', { city: 'Paris' }), text('warm')])
  const agent = new Agent({
    name: 'weather',
    models: { quick: scriptedModel([text('?')]), smart },
    tools: [tool({ name: 'temperature', input: { type: 'object' }, execute: fetchWeather })],
  })
  return { agent, smart }
}

const bySmart: AgentPlugin = {
  name: 'by-smart',
  hooks: {
    BeforeModelCall(event) {
      event.step = withInput(event.step, { model: 'smart' })
    },
  },
}

const retryOnce: AgentPlugin = {
  name: 'retry-once',
  hooks: {
    BeforeToolCall(event) {
      event.step = wrapStep(event.step, (run) => run().catch(() => run()))
    },
  },
}

const inParis: AgentPlugin = {
  name: 'in-paris',
  hooks: {
    BeforeToolCall(event) {
      event.step = settledStep(event.step, { temperature: 21 })
    },
  },
}

const quota: AgentPlugin = {
  name: 'quota',
  tasks: { remaining: async (tenant, { signal }) => fetchQuota(tenant, signal) },
  hooks: {
    async BeforeInvocation(event) {
      if (Number(await event.task('remaining', event.run.context)) <= 0) event.cancelRun('no quota left')
    },
  },
}

const redact: AgentPlugin = {
  name: 'redact',
  middleware: {
    model: (request, next) => next({ ...request, messages: request.messages.map(hideCardNumbers) }),
  },
}

test('another input', async () => {
  const event = await createHarness(weather().agent).use(bySmart).fire('BeforeModelCall')
  expect(event.step.input).toMatchObject({ model: 'smart' })
})

test('around the step', async () => {
  let tries = 0
  const busy = () => {
    if (++tries === 1) throw new Error('busy')
    return 19
  }
  const event = await createHarness(weather(busy).agent).use(retryOnce).fire('BeforeToolCall')
  expect(event.touched).toEqual(['retry-once'])
  expect(await event.step.run()).toBe(19)
  expect(tries).toBe(2)
})

test('an answer in place of the work', async () => {
  const { agent } = weather(() => expect.unreachable())
  const event = await createHarness(agent).use(inParis).fire('BeforeToolCall')
  expect(await event.step.run()).toEqual({ temperature: 21 })
})

test('a task', async () => {
  const harness = createHarness(weather().agent).use(quota)
  const event = await harness.fire('BeforeInvocation', { run: { context: 'acme' } })
  expect([event.asked, event.cancelled]).toEqual([['task quota.remaining'], undefined])
  const other = await harness.fire('BeforeInvocation', { run: { context: 'umbrella' } })
  expect(other.cancelled).toBe('no quota left')
})

test('what a model is shown', async () => {
  const { agent, smart } = weather()
  const harness = createHarness(agent).use(bySmart).use(redact)
  const { messages } = await harness.run('My card is 4111 1111 1111 1111')
  expect(smart.calls[0]?.prompt.at(-1)).toMatchObject({ content: [{ text: 'My card is ****' }] })
  expect(messages[0]).toMatchObject({ content: [{ text: 'My card is 4111 1111 1111 1111' }] })
})
