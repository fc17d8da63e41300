/**
 * Lambda: a run of Holdfast beside bare `context.step` calls, on one emulator, in turns.
 * `node --conditions=holdfast-source bench/lambda/run.ts`; prints a table. The emulator takes most of the time in both.
 */
import { LambdaClient, ListDurableExecutionsByFunctionCommand } from '@aws-sdk/client-lambda'
import { GetDurableExecutionCommand, GetDurableExecutionHistoryCommand, InvokeCommand } from '@aws-sdk/client-lambda'
import { withDurableExecution } from '@aws/durable-execution-sdk-js'
import { Agent, tool } from '../../src/index.ts'
import { lambdaAgentHandler } from '../../src/plugins/lambda/index.ts'
import { call, scriptedModel, text } from '../../src/testing/index.ts'
import type { Handler } from '../../examples/lambda/local/runtime.ts'
import { lambdaContext } from '../../examples/lambda/local/runtime.ts'
import { LambdaService } from '../../examples/lambda/local/service.ts'

const TURNS = 100
const ROUNDS = 7
const STEPS = 2 * TURNS + 1

const service = await LambdaService.start()
const client = new LambdaClient({
  endpoint: service.url,
  region: 'us-west-2',
  credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
})
const durable = { client }

const model = scriptedModel((_, turn) => (turn <= TURNS ? call('work', { turn }) : text('done')))

/** What a loop of one's own would do: ask the same model, and record what it said. */
async function ask(messages: readonly unknown[]): Promise<{ role: 'assistant'; content: unknown[] }> {
  const { stream } = await model.doStream({ prompt: messages as never })
  const content: unknown[] = []
  for await (const part of stream) if (part.type === 'tool-call' || part.type === 'text-delta') content.push(part)
  return { role: 'assistant', content }
}

const agent = new Agent({
  name: 'worker',
  model,
  tools: [tool({ name: 'work', input: { type: 'object' }, execute: () => 'worked' })],
  limits: { turns: TURNS + 1 },
})

const contenders: { readonly [name: string]: Handler } = {
  'context.step': withDurableExecution(async (_, context) => {
    const messages: unknown[] = [{ role: 'user', content: [{ type: 'text', text: 'go' }] }]
    for (let turn = 1; turn <= TURNS; turn++) {
      messages.push(await context.step(`${turn}/model`, () => ask(messages)))
      const output = await context.step(`${turn}/tool`, async () => ({ type: 'text', value: 'worked' }))
      const result = { type: 'tool-result', toolCallId: `call-${turn}-0`, toolName: 'work', output }
      messages.push({ role: 'tool', content: [result] })
    }
    return context.step('last/model', () => ask(messages))
  }, durable) as never,
  Holdfast: lambdaAgentHandler(agent, { durable }) as never,
}

async function serve(name: string, handler: Handler): Promise<void> {
  for (;;) {
    const job = await service.take(name)
    const output = await handler(JSON.parse(job.event), lambdaContext(job.id, '', job.deadline) as never)
    job.done(JSON.stringify(output))
  }
}

/** Milliseconds from the start of an execution to its end, and its operations. */
async function execute(name: string, runId: string): Promise<{ readonly took: number; readonly operations: number }> {
  const event = { version: 1, runId, agent: 'worker', input: 'go' }
  const began = performance.now()
  const Payload = new TextEncoder().encode(JSON.stringify(event))
  await client.send(
    new InvokeCommand({ FunctionName: name, InvocationType: 'Event', DurableExecutionName: runId, Payload }),
  )
  const list = new ListDurableExecutionsByFunctionCommand({ FunctionName: name, DurableExecutionName: runId })
  const DurableExecutionArn = (await client.send(list)).DurableExecutions?.[0]?.DurableExecutionArn
  for (;;) {
    const { Status } = await client.send(new GetDurableExecutionCommand({ DurableExecutionArn }))
    if (Status === 'SUCCEEDED') break
    if (Status !== 'RUNNING') throw new Error(`${name} ended as ${Status}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const took = performance.now() - began
  const history = new GetDurableExecutionHistoryCommand({ DurableExecutionArn, MaxItems: 1_000 })
  const { Events = [] } = await client.send(history)
  const operations = Events.filter(({ EventType = '' }) => /^(Step|Context|Callback|Wait)Started$/.test(EventType))
  return { took, operations: operations.length }
}

const times: Record<string, number[]> = {}
let checkpoints = 0
service.onCheckpoint = (when) => {
  if (when === 'before') checkpoints++
  return undefined
}
const sent: Record<string, number> = {}
const counts: Record<string, number> = {}
for (const [name, handler] of Object.entries(contenders)) void serve(idOf(name), handler)
for (let round = 0; round <= ROUNDS; round++) {
  for (const name of Object.keys(contenders)) {
    checkpoints = 0
    const { took, operations } = await execute(idOf(name), `round-${round}`)
    sent[name] = checkpoints
    counts[name] = operations
    // The first is for the compiler.
    if (round > 0) times[name] = [...(times[name] ?? []), took / STEPS]
  }
}

function idOf(name: string): string {
  return name.replace(/\W/g, '-')
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN
const [plain = Number.NaN, ours = Number.NaN] = Object.keys(contenders).map((name) => median(times[name] ?? []))
console.log(
  `| ${TURNS} turns with a tool call each | ms per step, median of ${ROUNDS} | operations | checkpoints |\n|---|---|---|---|`,
)
for (const name of Object.keys(contenders)) {
  console.log(`| ${name} | ${median(times[name] ?? []).toFixed(2)} | ${counts[name]} | ${sent[name]} |`)
}
console.log(`\nHoldfast takes ${(ours / plain).toFixed(2)} times as long as context.step alone.`)
client.destroy()
await service.stop()
process.exit(0)
