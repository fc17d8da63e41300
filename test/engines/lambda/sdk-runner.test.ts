/** The plugin in AWS's own test runner, in this process: which operations a run is made of, and what comes of them. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunState } from 'holdfast'
import { Agent, tool } from 'holdfast'
import type { AgentRunEvent } from 'holdfast/lambda'
import { lambdaAgentHandler } from 'holdfast/lambda'
import { call, calls, scriptedModel, text } from 'holdfast/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createContractAgent } from '../../support/contract-agent.ts'
import type { LocalResult, LocalRunner, SdkTesting } from './support/sdk-testing.ts'
import { loadSdkTesting } from './support/sdk-testing.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-lambda-runner-'))
let sdk: SdkTesting

beforeAll(async () => {
  sdk = await loadSdkTesting()
  // In real time: what it offers to skip it is timers that are faked for the whole process.
  await sdk.LocalDurableTestRunner.setupTestEnvironment()
})

afterAll(async () => {
  await sdk.LocalDurableTestRunner.teardownTestEnvironment()
  rmSync(folder, { recursive: true })
})

function runnerOf(agent: Agent): LocalRunner {
  return new sdk.LocalDurableTestRunner({ handlerFunction: lambdaAgentHandler(agent) })
}

function startOf(agent: Agent, runId: string): { readonly payload: AgentRunEvent } {
  return { payload: { version: 1, runId, agent: agent.name, input: 'go' } }
}

function operationsOf(result: LocalResult): string[] {
  return result.getOperations().map((operation) => `${operation.getType()} ${operation.getName()}`)
}

function stateOf(result: LocalResult): RunState {
  return (result.getResult() as { readonly state: RunState }).state
}

test('the contract agent: parallel tools under a retry wrapper, a sub-agent, an approval, a tool that runs once', async () => {
  const effects = join(folder, 'effects')
  writeFileSync(effects, '')
  const agent = createContractAgent({ effects })
  const runner = runnerOf(agent)
  const ended = runner.run(startOf(agent, 'trip-42'))
  const approval = await runner.getOperation('2/tool/0/bookFlight/approval').waitForData()
  await approval.sendCallbackSuccess(JSON.stringify({ approved: true }))
  const result = await ended
  expect(stateOf(result)).toMatchObject({ status: 'completed', runId: 'trip-42' })
  // In the order in which they were begun: the names, and how many there are, are what runs in flight depend on.
  expect(operationsOf(result)).toEqual([
    'STEP 0/start',
    'STEP 1/model',
    'STEP 1/tool/0/searchFlights',
    'STEP 1/tool/1/searchHotels',
    'STEP 1/agent/2/weather/begun',
    'STEP 1/tool/1/searchHotels#2',
    'STEP 1/agent/2/weather/1/model',
    'STEP 1/agent/2/weather/1/tool/0/forecast',
    'STEP 1/agent/2/weather/2/model',
    'STEP 2/model',
    'CALLBACK 2/tool/0/bookFlight/approval',
    'STEP 2/tool/0/bookFlight/approval/opened',
    'STEP 2/tool/0/bookFlight',
    'STEP 3/model',
  ])
  expect(readFileSync(effects, 'utf8').trim().split('\n')).toHaveLength(5)
})

test('hooks that take random times change nothing of the operations', async () => {
  const agent = new Agent({
    name: 'random',
    model: scriptedModel([calls(call('a', {}), call('b', {}), call('c', {})), text('done')]),
    tools: ['a', 'b', 'c'].map((name) => tool({ name, input: { type: 'object' }, execute: () => name })),
  }).on('BeforeToolCall', () => new Promise((resolve) => setTimeout(resolve, Math.random() * 5)))
  for (const runId of ['random-1', 'random-2', 'random-3']) {
    const result = await runnerOf(agent).run(startOf(agent, runId))
    const tools = ['STEP 1/tool/0/a', 'STEP 1/tool/1/b', 'STEP 1/tool/2/c']
    expect(operationsOf(result)).toEqual(['STEP 0/start', 'STEP 1/model', ...tools, 'STEP 2/model'])
    expect(JSON.stringify(stateOf(result).messages)).toMatch(/"value":"a".*"value":"b".*"value":"c"/)
  }
})

test("a tool's policy is the step's retry strategy, and nothing else retries", async () => {
  let attempts = 0
  const agent = new Agent({
    name: 'retries',
    model: scriptedModel([call('flaky', {}), text('done')]),
    tools: [
      tool({
        name: 'flaky',
        input: { type: 'object' },
        retry: { maxAttempts: 2, initialInterval: 10 },
        execute() {
          attempts++
          throw new Error('busy')
        },
      }),
    ],
  })
  const runner = runnerOf(agent)
  const result = await runner.run(startOf(agent, 'retries'))
  expect(attempts).toBe(2)
  expect(operationsOf(result)).toEqual(['STEP 0/start', 'STEP 1/model', 'STEP 1/tool/0/flaky', 'STEP 2/model'])
  // The failure is the outcome of the step, and recorded as such: to the service the step has succeeded.
  expect(runner.getOperation('1/tool/0/flaky').getStatus()).toBe('SUCCEEDED')
  expect(JSON.stringify(stateOf(result).messages)).toContain('busy')
})

test('a timer is a wait, and a task of a hook is a step', async () => {
  const agent = new Agent({
    name: 'hooks',
    model: scriptedModel([call('work', {}), text('done')]),
    tools: [tool({ name: 'work', input: { type: 'object' }, execute: () => 'worked' })],
  }).use({
    name: 'pause',
    tasks: { look: () => 'looked' },
    hooks: {
      async BeforeToolCall({ task, sleep }) {
        await task('look')
        await sleep('1s')
      },
    },
  })
  const result = await runnerOf(agent).run(startOf(agent, 'hooks'))
  expect(operationsOf(result)).toEqual([
    'STEP 0/start',
    'STEP 1/model',
    'STEP 1/tool/0/work/task/pause/look',
    'WAIT 1/tool/0/work/timer/pause',
    'STEP 1/tool/0/work',
    'STEP 2/model',
  ])
})

test('a run that fails has its code as the type of the error, and all of it as its data', async () => {
  const agent = new Agent({ name: 'fails', model: scriptedModel([]) }).on('BeforeInvocation', () => {
    throw new Error('no')
  })
  const result = await runnerOf(agent).run(startOf(agent, 'fails'))
  expect(result.getStatus()).toBe('FAILED')
  const { errorType, errorData } = result.getError()
  expect(errorType).toBe('HOOK_FAILED')
  expect(JSON.parse(errorData ?? '')).toMatchObject({
    code: 'HOOK_FAILED',
    kind: 'terminal',
    details: { plugin: 'app', hook: 'BeforeInvocation' },
    cause: { name: 'Error', message: 'no' },
  })
})
