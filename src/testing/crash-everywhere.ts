/** Crash at each boundary of each step, go on, and compare with the run that nothing happened to. */
import type { ErrorCode } from '../errors.ts'
import { HoldfastError, isEngineFailure } from '../errors.ts'
import type { Json } from '../json.ts'
import type { RunInput, RunOptions } from '../run.ts'
import type { OpenWait } from '../step-kinds.ts'
import type { Boundary, CrashPoint } from './crash-points.ts'
import { pointName } from './crash-points.ts'
import { compareDrills } from './compare.ts'
import type { DrillDriver } from './drill.ts'
import { runDrill } from './drill.ts'
import type { EngineUnderTest, TestAgent } from './engine.ts'
import { inProcessDriver } from './in-process.ts'
import { memoryEngine } from './memory-engine.ts'
import type { World } from './world.ts'

export interface CrashScenario {
  /**
   * A new agent, as a new process makes it, without a durability plugin. It must do the same each time: scripted models,
   * tools without randomness. Tools may do what they do to the world that is given: the kit then counts it, and it is out of
   * reach for a process that died. What else a tool was at goes on to its end, as if it had got there just before the crash.
   */
  readonly agent: (world: World) => TestAgent
  readonly input: RunInput
  readonly options?: Pick<RunOptions, 'context' | 'messages'>
  /** Default: an engine in memory. */
  readonly engine?: EngineUnderTest
  /**
   * What people say. Default: approvals are given, and anything else is an error. `undefined`: nothing is said. What became
   * of a `once` step the kit says itself: it saw whether it was done.
   */
  readonly answers?: (wait: OpenWait) => unknown
  /** What the outside looks like after a run, e.g. bookings by idempotency key: the same after any crash. */
  readonly effects?: () => Json | Promise<Json>
}

export interface CrashOptions {
  /** Crash at these points alone. */
  readonly only?: (point: CrashPoint) => boolean
  /** Reject, with the report as the message, where something differs. */
  readonly assert?: boolean
}

export interface BoundaryReport {
  /** E.g. `2/tool/0/search after-effect`. */
  readonly point: string
  readonly step: string
  readonly boundary: Boundary
  readonly ok: boolean
  /** A `once` step was running and nobody could tell what became of it: the run may differ from then on. */
  readonly unknown?: boolean
  /** From the run without a crash. */
  readonly differences: readonly string[]
}

export interface CrashReport {
  readonly boundaries: readonly BoundaryReport[]
  readonly ok: boolean
  /** One line, and a few for each boundary where something differed. */
  toString(): string
  /** @throws an error with the report where something differed */
  assert(): void
}

let drills = 0

/**
 * Run once to find every boundary of every step; then, for each of them, run until the process dies there, go on in a new
 * one, and compare transcript, result, effects, ids of waits, plugins' JSON and what the stream shows.
 */
export async function crashEverywhere(
  scenario: CrashScenario | DrillDriver,
  options: CrashOptions = {},
): Promise<CrashReport> {
  const driver = 'begin' in scenario ? scenario : driverOf(scenario)
  const series = `crash-${++drills}`
  try {
    const calm = await runDrill(driver, `${series}-0`)
    checkCalm(calm)
    const points = calm.points.filter(options.only ?? (() => true))
    const boundaries: BoundaryReport[] = []
    for (const [index, point] of points.entries()) {
      boundaries.push(await crashAt(driver, `${series}-${index + 1}`, point, calm))
    }
    const report = reportOf(boundaries)
    if (options.assert) report.assert()
    return report
  } finally {
    await driver.dispose?.()
  }
}

/** A run may well fail by what its steps do; where the engine fails it, there is nothing to compare with. */
function checkCalm({ end }: Awaited<ReturnType<typeof runDrill>>): void {
  const { failed } = end.essence as { readonly failed?: { readonly code: ErrorCode; readonly message: string } }
  if (!failed) return
  const { code, message } = failed
  if (!isEngineFailure(new HoldfastError(failed))) return
  throw new HoldfastError({ code, message: `the run fails without any crash: ${message}`, cause: end.error })
}

async function crashAt(
  driver: DrillDriver,
  runId: string,
  point: CrashPoint,
  calm: Awaited<ReturnType<typeof runDrill>>,
): Promise<BoundaryReport> {
  const { step, boundary } = point
  const name = pointName(point)
  try {
    const crashed = await runDrill(driver, runId, point)
    const differences = compareDrills(calm, crashed)
    const ok = differences.length === 0
    return { point: name, step, boundary, ok, ...(crashed.unknown && { unknown: true }), differences }
  } catch (error) {
    const differences = [error instanceof Error ? error.message : String(error)]
    return { point: name, step, boundary, ok: false, differences }
  }
}

function driverOf(scenario: CrashScenario): DrillDriver {
  return inProcessDriver({ ...scenario, engine: scenario.engine ?? memoryEngine() })
}

function reportOf(boundaries: readonly BoundaryReport[]): CrashReport {
  const failed = boundaries.filter(({ ok }) => !ok)
  const ok = failed.length === 0
  const print = (): string => {
    const head = `${boundaries.length} boundaries, ${boundaries.length - failed.length} as without a crash`
    const lines = failed.flatMap(({ point, differences }) => [
      `- ${point}`,
      ...differences.map((text) => `    ${text}`),
    ])
    return [head, ...lines].join('\n')
  }
  return {
    boundaries,
    ok,
    toString: print,
    assert() {
      if (!ok) throw new Error(print())
    },
  }
}
