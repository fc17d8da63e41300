// The scenario on the AI SDK plugin of Temporal; prints a line of JSON. node talk.mjs <address> <turns…>
import { fileURLToPath } from 'node:url'
import { AiSdkPlugin } from '@temporalio/ai-sdk'
import { Client, Connection } from '@temporalio/client'
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker'

const [address, ...turns] = process.argv.slice(2)
const words = (length) => 'The quick brown fox. '.repeat(Math.ceil(length / 21)).slice(0, length)

const model = (total) => ({
  specificationVersion: 'v4',
  provider: 'bench',
  modelId: 'talker',
  supportedUrls: {},
  async doGenerate({ prompt }) {
    const turn = prompt.filter(({ role }) => role === 'assistant').length + 1
    const content = [{ type: 'text', text: words(2_000) }]
    if (turn <= total()) {
      content.push({ type: 'tool-call', toolCallId: `c${turn}`, toolName: 'look', input: JSON.stringify({ turn }) })
    }
    return {
      content,
      finishReason: { unified: turn <= total() ? 'tool-calls' : 'stop', raw: undefined },
      usage: {
        inputTokens: { total: 1, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
        outputTokens: { total: 1, text: undefined, reasoning: undefined },
      },
      warnings: [],
    }
  },
})

Runtime.install({ logger: new DefaultLogger('ERROR') })
let total = 0
const provider = { specificationVersion: 'v4', languageModel: () => model(() => total) }
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address }),
  taskQueue: 'peer',
  workflowsPath: fileURLToPath(new URL('./workflows.js', import.meta.url)),
  plugins: [new AiSdkPlugin({ modelProvider: provider })],
  activities: { look: async ({ turn }) => `${turn} ${words(2_000)}` },
})
const done = worker.run()
const connection = await Connection.connect({ address })
const client = new Client({ connection })
const rows = []
for (const count of turns.map(Number)) {
  total = count
  const workflowId = `peer-${process.pid}-${rows.length}`
  const started = performance.now()
  const handle = await client.workflow.start('talk', { workflowId, taskQueue: 'peer', args: [{ turns: count }] })
  const failed = await handle.result().then(
    () => undefined,
    (error) => String(error.cause?.message ?? error.message),
  )
  const took = performance.now() - started
  const { raw } = await handle.describe()
  const { historySizeBytes, historyLength } = raw.workflowExecutionInfo
  rows.push({ turns: count, took, bytes: Number(historySizeBytes), events: Number(historyLength), failed })
}
console.log(JSON.stringify({ rows, rss: process.memoryUsage().rss }))
worker.shutdown()
await done
process.exit(0)
