/** Dapr: Holdfast beside bare activities, on one daprd, in turns. `npm run bench:dapr`; writes RESULTS.md. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { CommunicationProtocolEnum, DaprClient, DaprWorkflowClient, LogLevel, WorkflowRuntime } from '@dapr/dapr'
import { daprRuns, registerAgents, superviseRuntime } from '../../src/plugins/dapr/index.ts'
import { startCluster } from '../../tools/dapr/cluster.mjs'
import { interleave, median, ratio } from '../measure.ts'
import type { Section } from '../report.ts'
import { atMost, toMarkdown } from '../report.ts'
import { plain, talker, words } from './conversation.ts'
import { holder } from './worker.ts'

const ROUNDS = 5
const STEPS = [100, 400]
const TURNS = [10, 40, 100, 200]
/** So that a history of all turns has less than the 1 MB with which a run goes on as a new execution in any case. */
const TALK = 1_000
const FEW = 100

const [load = 0] = loadavg()
const folder = mkdtempSync(join(tmpdir(), 'holdfast-dapr-bench-'))
const cluster = await startCluster(folder)
const daprd = await cluster.app('bench')
const at = { daprHost: daprd.host, daprPort: String(daprd.grpcPort) }
const workflows = new DaprWorkflowClient(at)
const logger = { level: LogLevel.Warn }
const client = new DaprClient({ ...at, communicationProtocol: CommunicationProtocolEnum.GRPC, logger })
const runs = daprRuns(client, { workflows })
const whole = daprRuns(client, { workflows, continueAfter: 1e9 })
const agents = [...STEPS.map((steps) => talker(steps / 2, FEW)), ...TURNS.map((turns) => talker(turns, TALK))]
const runtime = new WorkflowRuntime(at)
registerAgents(runtime, agents, { client })
runtime.registerWorkflowWithName('plain', plain)
runtime.registerActivityWithName('plain.step', async (_, { letters }) => words(letters))
const supervisor = superviseRuntime(runtime)
let last = 0

async function runOf(agent: (typeof agents)[0], from = runs): Promise<number> {
  const began = performance.now()
  const run = await from.start(agent, 'go', { runId: `run-${++last}` })
  await workflows.waitForWorkflowCompletion(run.runId, false, 600)
  const took = performance.now() - began
  const { status } = await run.result()
  if (status !== 'completed') throw new Error(`a run of ${agent.name} is ${status}`)
  return took
}

async function runPlain(steps: number): Promise<number> {
  const began = performance.now()
  const id = await workflows.scheduleNewWorkflow('plain', { steps, letters: FEW }, `plain-${++last}`)
  await workflows.waitForWorkflowCompletion(id, false, 600)
  return performance.now() - began
}

/** Bytes of the rows of a workflow's history, as it is at the end. */
function historyOf(id: string): number {
  const database = new DatabaseSync(daprd.database, { readOnly: true })
  const rows = database
    .prepare('SELECT value FROM state WHERE key LIKE ? AND key LIKE ?')
    .all(`%||${id}||%`, '%history%')
  database.close()
  return rows.reduce((sum, { value }) => sum + Buffer.from(String(value), 'base64').length, 0)
}

/** From the SIGKILL of a worker in its tool until the tool begins on another, which was there, or was started then. */
async function takeOver(isThere: boolean): Promise<number> {
  const app = await cluster.app(`take-over-${++last}`)
  const worker = async (first: string) => {
    const path = fileURLToPath(new URL('./worker.ts', import.meta.url))
    const child = fork(path, [String(app.grpcPort), ...(first ? [first] : [])], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    await once(child, 'message')
    return child
  }
  const own = new DaprClient({
    daprPort: String(app.grpcPort),
    communicationProtocol: CommunicationProtocolEnum.GRPC,
    logger,
  })
  const first = await worker('first')
  const begins = once(first, 'message')
  await daprRuns(own).start(holder, 'go', { runId: 'held' })
  await begins
  const early = isThere ? await worker('') : undefined
  if (early) await new Promise((resolve) => setTimeout(resolve, 2_000))
  const killed = performance.now()
  first.kill('SIGKILL')
  const second = early ?? (await worker(''))
  await once(second, 'message')
  const took = performance.now() - killed
  second.kill('SIGKILL')
  await app.kill()
  return took
}

try {
  const contenders = STEPS.flatMap((steps) => {
    const agent = agents.find(({ name }) => name === `talker-${steps / 2}-${FEW}`) as (typeof agents)[0]
    return [
      { name: `plain ${steps}`, take: () => runPlain(steps) },
      { name: `ours ${steps}`, take: () => runOf(agent) },
      { name: `whole ${steps}`, take: () => runOf(agent, whole) },
    ]
  })
  const taken = await interleave(contenders, ROUNDS)
  const of = (name: string): number[] => taken.get(name) ?? []
  const perStep = (name: string, steps: number): string => `${(median(of(name)) / steps).toFixed(2)} ms`
  const sizes: string[][] = []
  const bytes: number[] = []
  /** Bytes per turn of each piece of the line. */
  const slopes: number[] = []
  for (const [index, turns] of TURNS.entries()) {
    const agent = agents.find(({ name }) => name === `talker-${turns}-${TALK}`) as (typeof agents)[0]
    await runOf(agent, whole)
    bytes.push(historyOf(`run-${last}`))
    const [now = 0, before = 0] = [bytes[index], bytes[index - 1]]
    if (index > 0) slopes.push((now - before) / (turns - (TURNS[index - 1] ?? 0)))
    const took = await runOf(agent)
    sizes.push([
      `${turns} turns`,
      `${Math.round(now / 1e3)} KB${index > 0 ? `, ${((slopes.at(-1) ?? 0) / 1e3).toFixed(2)} KB for each turn more` : ''}`,
      `${Math.round(historyOf(`run-${last}`) / 1e3)} KB`,
      `${(took / turns).toFixed(1)} ms per turn`,
    ])
  }
  const there: number[] = []
  const started: number[] = []
  for (let round = 0; round < 3; round++) {
    there.push(await takeOver(true))
    started.push(await takeOver(false))
  }
  const seconds = (times: readonly number[]): string => `${(median(times) / 1e3).toFixed(2)} s`
  const section: Section = {
    title: 'Dapr',
    about:
      `Bare activities one after the other, and an agent's steps of the same size (${FEW} letters): one daprd, one worker, one run ` +
      `at a time, in turns, ${ROUNDS} times; ratios are medians of the ratios by turn. "One history": without going on as a new ` +
      `execution. History: bytes of its rows at the end, the result with all that was said among them, with ${TALK} letters of the model and as many of the tool in each turn. ` +
      'Taking over: from the SIGKILL of a worker in the middle of a tool until the tool begins on another, the median of 3.',
    columns: ['', '', '', ''],
    rows: [
      ['per step', ...STEPS.map((steps) => `${steps} steps`), ''],
      ['bare activities', ...STEPS.map((steps) => perStep(`plain ${steps}`, steps)), ''],
      ['Holdfast', ...STEPS.map((steps) => perStep(`ours ${steps}`, steps)), ''],
      ['Holdfast, one history', ...STEPS.map((steps) => perStep(`whole ${steps}`, steps)), ''],
      ['history', 'one history', 'the last of several', 'time'],
      ...sizes,
      [
        'taking over',
        `${seconds(there)} by a worker that is there`,
        `${seconds(started)} by one that is started then`,
        '',
      ],
    ],
    targets: [
      atMost('per step, beside bare activities, 100 steps', ratio(of('ours 100'), of('plain 100')), 1.1, 'x'),
      atMost('per step, beside bare activities, 400 steps', ratio(of('ours 400'), of('plain 400')), 1.15, 'x'),
      atMost(
        'one history: the steepest piece of its line against the flattest',
        Math.max(...slopes) / Math.min(...slopes),
        1.1,
        'x',
      ),
    ],
  }
  const about = [
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} CPUs (${cpus()[0]?.model.trim()}), load ${load.toFixed(1)} at the start.`,
    `Node ${process.versions.node}, Dapr 1.18.1, @dapr/dapr 3.18.0, state.sqlite.`,
  ]
  const text = `# Results: Dapr\n\nWritten by \`npm run bench:dapr\`. ${about.join(' ')}\n\n${toMarkdown(section)}\n`
  console.log(text)
  writeFileSync(fileURLToPath(new URL('./RESULTS.md', import.meta.url)), text)
} finally {
  await supervisor.stop()
  await cluster.stop()
  rmSync(folder, { recursive: true, force: true })
}
process.exit()
