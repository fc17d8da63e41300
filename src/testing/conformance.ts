/** The conformance cases of a durability plugin, as data: any test runner can loop over them. */
import { HoldfastError } from '../errors.ts'
import type { AgentPlugin, Supports } from '../plugin.ts'
import { Bench } from './bench.ts'
import type { CaseDefinition } from './cases/case.ts'
import { CASES } from './cases/index.ts'
import { conformanceAgent } from './agents.ts'
import type { EngineUnderTest } from './engine.ts'
import { BrokenPromise } from './expect.ts'
import { sleep } from './life.ts'
import type { WorldControl } from './world.ts'
import { createWorld } from './world.ts'

export interface ConformanceOptions {
  /** A new engine with empty storage, for each case. */
  readonly create: () => EngineUnderTest | Promise<EngineUnderTest>
  /**
   * What the plugin claims, to know beforehand which cases to skip; else each case looks at `durability.supports` when it
   * runs, and rejects with `UNSUPPORTED` where the claim is not made.
   */
  readonly supports?: Supports
  /** The loop runs in another process (a workflow worker): cases that put hooks of their own into it are skipped. */
  readonly elsewhere?: boolean
  /** For engines whose worker is elsewhere: a world that it can reach, too. Default: one in memory, new for each case. */
  readonly world?: () => WorldControl
  /** Milliseconds that a case may take. Default: 30,000. */
  readonly timeout?: number
  /**
   * Milliseconds in which the engine notices that a process died, and another has its runs: a timer of the cases is longer
   * than that. Default: 400.
   */
  readonly takeOver?: number
}

export interface ConformanceCase {
  /** Unique. */
  readonly name: string
  /** What is promised, in a sentence. */
  readonly clause: string
  /** Claims of `durability.supports` without which the case has nothing to test. */
  readonly requires: readonly (keyof Supports)[]
  /** Why it is not for this plugin: what the plugin does not do. */
  readonly skip?: string
  /** Rejects where the promise is broken, saying how. */
  run(): Promise<void>
}

/** @throws `CONFIG_INVALID` where `options.supports` claims what there is not: nothing that is claimed goes untested */
export function durabilityConformance(options: ConformanceOptions): ConformanceCase[] {
  checkClaims(options.supports)
  return CASES.map((definition) => {
    const { name, clause, requires = [] } = definition
    const skip = skipOf(definition, options)
    return { name, clause, requires, ...(skip !== undefined && { skip }), run: () => runCase(definition, options) }
  })
}

const CLAIMS: { readonly [claim in keyof Required<Supports>]: true } = {
  waits: true,
  timers: true,
  cancelRunning: true,
  once: true,
  retries: true,
  streams: true,
  children: true,
  ownership: true,
  recordBytes: true,
}

function checkClaims(supports: Supports = {}): void {
  const unknown = Object.keys(supports).find((claim) => !Object.hasOwn(CLAIMS, claim))
  if (unknown === undefined) return
  const message = `the plugin claims '${unknown}', which nobody knows. There are: ${Object.keys(CLAIMS).join(', ')}.`
  throw new HoldfastError({ code: 'CONFIG_INVALID', message })
}

function skipOf({ requires = [], inProcess }: CaseDefinition, options: ConformanceOptions): string | undefined {
  const { supports, elsewhere } = options
  const missing = supports && requires.filter((claim) => !supports[claim])
  if (missing && missing.length > 0) return `does not claim ${missing.join(', ')}`
  if (inProcess && elsewhere) return 'its loop runs in another process'
  return undefined
}

async function runCase(definition: CaseDefinition, options: ConformanceOptions): Promise<void> {
  const world = (options.world ?? createWorld)()
  const engine = await options.create()
  const plugin = await engine.start(conformanceAgent('pair', world))
  const { durability } = plugin
  await plugin.dispose?.()
  if (!durability) throw notDurable(plugin)
  checkClaims(durability.supports)
  const skip = skipOf(definition, { ...options, supports: durability.supports })
  const bench = new Bench(engine, world, durability.supports, options.takeOver)
  try {
    if (skip !== undefined) {
      throw new HoldfastError({ code: 'UNSUPPORTED', message: `'${definition.name}' is not for this plugin: ${skip}` })
    }
    await within(options.timeout ?? 30_000, definition.run(bench), () => bench.awaited)
  } finally {
    await bench.close()
  }
}

function notDurable({ name }: AgentPlugin): HoldfastError {
  return new HoldfastError({
    code: 'CONFIG_INVALID',
    message: `plugin '${name}' has no durability. For other plugins there is pluginConformance().`,
  })
}

/** @param awaited says what is waited for, where that is known */
export async function within(
  milliseconds: number,
  work: Promise<void>,
  awaited: () => string | undefined = () => undefined,
): Promise<void> {
  let over = false
  const late = async (): Promise<void> => {
    // In slices, so that a case that is done leaves no long timer behind.
    for (let left = milliseconds; left > 0 && !over; left -= 50) await sleep(Math.min(50, left))
    if (over) return
    const point = awaited()
    const waiting = point === undefined ? '' : `: nobody came to the point '${point}'`
    throw new BrokenPromise(`nothing came of it within ${milliseconds} ms${waiting}`)
  }
  try {
    await Promise.race([work, late()])
  } finally {
    over = true
  }
}
