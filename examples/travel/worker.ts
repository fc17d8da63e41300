/**
 * The process that has the agent. With a prompt it starts the run; without one it takes up what the journal has
 * unfinished: `worker.ts --dir trips --run trip-1 ["Book me …"]`.
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type AgentEvent, isHoldfastError, type RunResult } from 'holdfast'
import { recoverRuns, sqliteDurabilityPlugin } from 'holdfast/sqlite'
import { createTravelAgent } from './agent.ts'
import { chooseModel } from './choose-model.ts'
import { GO_ON, type WorkerMessage } from './messages.ts'
import { narrator } from './narrate.ts'
import type { Middle } from './tools/on-step.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { dir: { type: 'string' }, run: { type: 'string' }, 'model-url': { type: 'string' } },
})
const { dir = '.', run: runId = 'trip-1', 'model-url': modelUrl } = values
const [prompt] = positionals
const path = join(dir, 'runs.db')

const agent = createTravelAgent({
  model: await chooseModel(process.env['HOLDFAST_MODEL'], modelUrl),
  dataDir: join(import.meta.dirname, 'data'),
  bookingsPath: join(dir, 'bookings.db'),
  onStep: stayInTheMiddle,
})
agent.use(sqliteDurabilityPlugin({ path }))
agent.use(narrator(console.log))
agent.use({ name: 'reporter', observeReplay: true, observe: report })

// Whoever started this process may end at any moment; nobody would answer then.
process.on('disconnect', () => process.exit(1))

const result = await (prompt ? agent.run(prompt, { runId, onWait: 'block' }) : takeUp()).catch(fail)
tell({ type: 'result', status: result.status, text: result.text, turns: result.turns, booked: bookedIn(result) })
process.removeAllListeners('disconnect')
if (process.connected) process.disconnect()

async function takeUp(): Promise<RunResult> {
  const { runs } = await recoverRuns({ path, agents: [agent] })
  const found = runs.find((run) => run.runId === runId)
  if (!found) throw new Error(`${path} has no unfinished run ${runId}`)
  return found.result
}

/** The run failed: its error says what to do, its stack says nothing to whoever watches a demo. */
function fail(error: unknown): never {
  console.error(isHoldfastError(error) ? `\n${error.code}: ${error.message}` : error)
  process.exit(1)
}

function tell(message: WorkerMessage): void {
  process.send?.(message)
}

/** Only for the demo: tell it where the tool is, and wait to be killed or to be let go on. */
async function stayInTheMiddle(middle: Middle): Promise<void> {
  if (!process.connected) return
  const answered = new Promise<void>((resolve) => {
    process.on('message', function listen(message: { readonly type?: string; readonly stepId?: string }) {
      if (message.type !== GO_ON || message.stepId !== middle.stepId) return
      process.off('message', listen)
      resolve()
    })
  })
  tell({ type: 'middle', ...middle })
  await answered
}

function report(event: AgentEvent): void {
  if (event.type === 'wait-opened') tell({ type: 'wait', waitId: event.waitId, input: event.input })
  if (event.type !== 'step-started' && event.type !== 'step-finished') return
  const { kind, id } = event.step
  if (kind !== 'model' && kind !== 'tool') return
  tell({ type: 'step', event: event.type === 'step-started' ? 'started' : 'finished', phase: event.phase, stepId: id })
}

function bookedIn({ messages }: RunResult): string[] {
  return messages
    .flatMap((message) => (message.role === 'tool' ? message.content : []))
    .flatMap((part) => (part.type === 'tool-result' && part.toolName === 'bookFlight' ? [part.output] : []))
    .flatMap((output) => (output.type === 'json' ? [(output.value as { reference: string }).reference] : []))
}
