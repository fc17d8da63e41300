/**
 * Lambda: a run of Holdfast beside bare `context.step` calls, on one emulator, in turns.
 * `node --conditions=holdfast-source bench/lambda/run.ts`; prints a table. What is measured is the invocation of the handler,
 * of which the emulator and the AWS SDK take nearly all in both.
 */
import type { LanguageModelV4, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import {
  GetDurableExecutionHistoryCommand,
  InvokeCommand,
  LambdaClient,
  ListDurableExecutionsByFunctionCommand,
} from '@aws-sdk/client-lambda'
import { withDurableExecution } from '@aws/durable-execution-sdk-js'
import { Agent, tool } from '../../src/index.ts'
import { lambdaAgentHandler } from '../../src/plugins/lambda/index.ts'
import type { Handler } from '../../examples/lambda/local/runtime.ts'
import { lambdaContext } from '../../examples/lambda/local/runtime.ts'
import { LambdaService } from '../../examples/lambda/local/service.ts'

const TURNS = 100
const ROUNDS = 11
const STEPS = 2 * TURNS + 1

const service = await LambdaService.start()
const client = new LambdaClient({
  endpoint: service.url,
  region: 'us-west-2',
  credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
})
const durable = { client }

/** Asks for the tool until it has its turns; keeps nothing, as what a scripted model keeps would be measured too. */
const model: LanguageModelV4 = {
  specificationVersion: 'v4',
  provider: 'bench',
  modelId: 'bench',
  supportedUrls: {},
  async doStream({ prompt }) {
    const turn = prompt.filter(({ role }) => role === 'assistant').length + 1
    const said: LanguageModelV4StreamPart =
      turn <= TURNS
        ? { type: 'tool-call', toolCallId: `call-${turn}`, toolName: 'work', input: JSON.stringify({ turn }) }
        : { type: 'text-delta', id: '0', delta: 'done' }
    const parts: LanguageModelV4StreamPart[] = [
      { type: 'stream-start', warnings: [] },
      ...(said.type === 'text-delta' ? [{ type: 'text-start' as const, id: '0' }] : []),
      said,
      ...(said.type === 'text-delta' ? [{ type: 'text-end' as const, id: '0' }] : []),
      {
        type: 'finish',
        finishReason: { unified: turn <= TURNS ? 'tool-calls' : 'stop', raw: undefined },
        usage: {
          inputTokens: { total: 10, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
          outputTokens: { total: 5, text: undefined, reasoning: undefined },
        },
      },
    ]
    return { stream: ReadableStream.from(parts) as ReadableStream<LanguageModelV4StreamPart> }
  },
  doGenerate: () => Promise.reject(new Error('it streams')),
}

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
      const result = { type: 'tool-result', toolCallId: `call-${turn}`, toolName: 'work', output }
      messages.push({ role: 'tool', content: [result] })
    }
    return context.step('last/model', () => ask(messages))
  }, durable) as never,
  Holdfast: lambdaAgentHandler(agent, { durable }) as never,
}

interface Round {
  readonly took: number
  readonly operations: number
  readonly checkpoints: number
}

let checkpoints = 0
service.onCheckpoint = (when) => {
  if (when === 'before') checkpoints++
  return undefined
}

/** One execution; its time is that of its one invocation. */
async function execute(functionName: string, handler: Handler, runId: string): Promise<Round> {
  const before = checkpoints
  const event = { version: 1, runId, agent: 'worker', input: 'go' }
  const Payload = new TextEncoder().encode(JSON.stringify(event))
  const start = { FunctionName: functionName, InvocationType: 'Event', DurableExecutionName: runId, Payload } as const
  const [job] = await Promise.all([service.take(functionName), client.send(new InvokeCommand(start))])
  const began = performance.now()
  const output = await handler(JSON.parse(job.event), lambdaContext(job.id, '', job.deadline) as never)
  const took = performance.now() - began
  const { Status } = output as { readonly Status: string }
  if (Status !== 'SUCCEEDED') throw new Error(`${functionName} ended as ${Status}`)
  job.done(JSON.stringify(output))
  const list = new ListDurableExecutionsByFunctionCommand({ FunctionName: functionName, DurableExecutionName: runId })
  const DurableExecutionArn = (await client.send(list)).DurableExecutions?.[0]?.DurableExecutionArn
  const history = new GetDurableExecutionHistoryCommand({ DurableExecutionArn, MaxItems: 1_000 })
  const { Events = [] } = await client.send(history)
  const operations = Events.filter(({ EventType = '' }) => /^(Step|Context|Callback|Wait)Started$/.test(EventType))
  return { took, operations: operations.length, checkpoints: checkpoints - before }
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1] ?? Number.NaN

const rounds = new Map<string, Round[]>(Object.keys(contenders).map((name) => [name, []]))
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, handler] of Object.entries(contenders)) {
    const done = await execute(name.replace(/\W/g, '-'), handler, `round-${round}`)
    // The first is for the compiler.
    if (round > 0) rounds.get(name)?.push(done)
  }
}

console.log(`| ${TURNS} turns with a tool call each | ms per step, median of ${ROUNDS} | operations | checkpoints |`)
console.log('|---|---|---|---|')
for (const [name, done] of rounds) {
  const time = (median(done.map(({ took }) => took)) / STEPS).toFixed(2)
  console.log(`| ${name} | ${time} | ${done[0]?.operations} | ${done[0]?.checkpoints} |`)
}
// Of rounds that follow one another: what else the machine does is in both.
const [plain = [], ours = []] = rounds.values()
const ratio = median(ours.map(({ took }, index) => took / (plain[index]?.took ?? Number.NaN)))
console.log(`\nHoldfast takes ${ratio.toFixed(2)} times as long as context.step alone.`)
client.destroy()
await service.stop()
process.exit(0)
