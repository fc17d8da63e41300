/**
 * A drill: one run over as many lives as it takes, dying at one point or at none. How a life is lived is the driver's
 * business: simulated in this process, or a child process that is killed.
 */
import type { Json } from '../json.ts'
import type { RunResult } from '../run.ts'
import type { OpenWait } from '../step-kinds.ts'
import type { CrashPoint, StepFact } from './crash-points.ts'
import { pointName } from './crash-points.ts'
import type { Essence } from './essence.ts'
import { withoutRunId } from './essence.ts'
import { sleep } from './life.ts'
import { StepLog } from './step-log.ts'

export type LifeEnd =
  | { readonly type: 'crashed' }
  | { readonly type: 'waiting'; readonly waits: readonly OpenWait[] }
  | { readonly type: 'ended'; readonly essence: Essence; readonly result?: RunResult; readonly error?: unknown }

export interface DrillListener {
  /** Told of each point before the process goes on from it; `true` means that it dies there. */
  point(point: CrashPoint): boolean
  fact(fact: StepFact): void
}

/** What the outside saw: JSON. */
export interface Outside {
  /** What readers of the run's stream see at the end: the texts by step. */
  readonly stream?: Json
  /** Effects in the kit's world, by key: how often. */
  readonly world?: { readonly [key: string]: number }
  /** What the app says that the outside looks like. */
  readonly app?: Json
}

export interface Drill {
  /** One process: until the run ends or waits, or the process dies. */
  live(): Promise<LifeEnd>
  respond(waitId: string, answer: unknown): Promise<void>
  outside(): Promise<Outside>
}

export interface DrillDriver {
  begin(runId: string, listener: DrillListener): Promise<Drill>
  /** What to answer; `undefined`: nothing, the wait is left to time out. */
  readonly answers?: (wait: OpenWait) => unknown
  dispose?(): Promise<void>
}

export interface DrillResult {
  readonly end: Extract<LifeEnd, { readonly type: 'ended' }>
  readonly lives: number
  /** In the order in which they were first reached. */
  readonly points: readonly CrashPoint[]
  readonly log: StepLog
  readonly waits: readonly string[]
  /** The life that ended at the point. */
  readonly crashed?: number
  /** Nobody could say what became of a `once` step. */
  readonly unknown: boolean
  readonly outside: Outside
}

/** Each round of answers is a life; a run that needs more of them asks the same again and again. */
const MAX_LIVES = 60

export async function runDrill(driver: DrillDriver, runId: string, crash?: CrashPoint): Promise<DrillResult> {
  const points = new Map<string, CrashPoint>()
  const log = new StepLog()
  const waits = new Set<string>()
  const answeredIds = new Set<string>()
  let life = 0
  let crashed: number | undefined
  let unknown = false
  const drill = await driver.begin(runId, {
    point(point) {
      const name = pointName(point)
      if (!points.has(name)) points.set(name, point)
      if (!crash || crashed !== undefined || !matches(point, crash)) return false
      crashed = life
      return true
    },
    fact: (fact) => log.add(fact, life),
  })
  for (; life < MAX_LIVES; life++) {
    const end = await drill.live()
    if (end.type === 'crashed') {
      unknown ||= runsOnce(log)
      continue
    }
    if (end.type === 'ended') {
      const outside = await drill.outside()
      const essence = withoutRunId(end.essence, runId)
      return {
        end: { ...end, essence },
        lives: life + 1,
        points: [...points.values()],
        log,
        waits: [...waits].sort(),
        ...(crashed !== undefined && { crashed }),
        unknown,
        outside: withoutRunId(outside as unknown as Json, runId) as unknown as Outside,
      }
    }
    let answered = 0
    for (const wait of end.waits) {
      const found = wait.input.type === 'unknown-outcome' ? whatBecame(log, wait.id) : undefined
      if (found && found.status !== 'unknown') unknown = false
      if (answeredIds.has(wait.id)) throw new Error(`${wait.id} was answered, and is asked again`)
      if (!found) waits.add(wait.id)
      const answer = found ?? answerTo(driver, wait)
      if (answer === undefined) continue
      answered++
      answeredIds.add(wait.id)
      await drill.respond(wait.id, answer)
    }
    if (answered === 0) await sleep(20)
  }
  const last = [...waits].at(-1)
  throw new Error(
    `run '${runId}' did not end in ${MAX_LIVES} lives${last === undefined ? '' : `; the last that it asked for was ${last}`}`,
  )
}

/** A crash in a hook that is not named is one in the first. */
function matches(point: CrashPoint, { step, boundary, hook }: CrashPoint): boolean {
  return point.step === step && point.boundary === boundary && (hook === undefined || hook === point.hook)
}

function answerTo({ answers }: DrillDriver, wait: OpenWait): unknown {
  if (answers) return answers(wait)
  if (wait.input.type === 'approval') return { approved: true }
  throw new Error(`the run waits for ${wait.id}: give answers, a function that knows what to say`)
}

/** Once the loop has begun with it, its mark may be recorded, and the engine can't tell whether its work was. */
function runsOnce(log: StepLog): boolean {
  return [...log.executions.values()].some(({ effect, recorded }) => effect === 'once' && recorded === undefined)
}

/** The kit saw the work of the step, so it can tell what a person would have to find out. */
function whatBecame(log: StepLog, waitId: string): { readonly status: string; readonly output?: Json } {
  const stepId = waitId.replace(/\/unknown(\/\d+)*$/, '')
  const executions = log.of(stepId)
  const outputs = executions.flatMap((execution) => execution.outputs)
  const output = outputs[outputs.length - 1]
  if (output !== undefined) return { status: 'done', output }
  return { status: log.starts(stepId) === 0 ? 'not-done' : 'unknown' }
}
