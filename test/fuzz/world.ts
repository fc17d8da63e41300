/** What outlives a process: the effects that were had, and what a person knows. And the process, which may die. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Json } from 'holdfast'
import type { Script } from '../support/random-script.ts'

/** One start of a body: of a model, a tool, a task. */
export interface Begun {
  readonly kind: 'model' | 'tool' | 'task' | 'reconcile' | 'compact'
  readonly stepId: string
  /** Models are not told. */
  readonly execution?: number
  readonly attempt: number
  readonly key: string
  /** What a tool was given. */
  readonly value?: number
  readonly process: number
  ended: 'not' | 'done' | 'failed'
}

/** An agent as it was at the end of its run. */
export interface Ended {
  readonly agent: string
  readonly status: string
  readonly turns: number
  readonly messages: Json
  readonly usage: Json
}

export class World {
  readonly begun: Begun[] = []
  /** Outputs of tools that took effect, by idempotency key. */
  readonly done: Map<string, unknown[]> = new Map()
  /** `reconcile` or a person said that it was not done. */
  readonly notDone: string[] = []
  readonly asked: Map<string, Json> = new Map()
  /** How many had been asked when each was first. */
  readonly askedAfter: Map<string, number> = new Map()
  readonly ended: Map<string, Ended> = new Map()
  /** Plugins' state, by path and plugin, as it is after the last hook. */
  readonly states: Map<string, Json> = new Map()
  /** What an engine began to execute, by execution id, with the process. */
  readonly performed: { readonly id: string; readonly process: number }[] = []
  /** Calls of `once` tools whose outcome stayed unknown, by `toolCallId`. */
  readonly unknown: Set<string> = new Set()
  /** What broke a rule while it went on. */
  readonly broken: string[] = []

  forgetEnds(): void {
    this.ended.clear()
    this.states.clear()
  }
}

/** Small, fast, the same everywhere. */
export function randomOf(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export interface Faults {
  /** The boundary at which it dies, counted from 1. */
  readonly crashAt?: number
  /** Only boundaries in the bodies of tools count. */
  readonly inTool?: boolean
  readonly zombie?: boolean
  /** The boundary at which its run is cancelled; 0: at once. */
  readonly cancelAt?: number
}

export const here: AsyncLocalStorage<Process> = new AsyncLocalStorage()

const MANY = 20_000

/** One life of the run. */
export class Process {
  readonly script: Script
  readonly world: World
  readonly ordinal: number
  readonly crashed: Promise<'crashed'>
  /** Boundaries so far. */
  count = 0
  /** Those in the bodies of tools. */
  inTools = 0
  dead = false
  /** Called when it dies, in the same tick. */
  onDeath: () => void = () => {}
  readonly #faults: Faults
  readonly #random: () => number
  readonly #cancel = new AbortController()
  #crash: (how: 'crashed') => void = () => {}

  constructor(script: Script, world: World, ordinal: number, faults: Faults) {
    this.script = script
    this.world = world
    this.ordinal = ordinal
    this.#faults = faults
    this.#random = randomOf(script.seed * 31 + ordinal)
    this.crashed = new Promise((resolve) => {
      this.#crash = resolve
    })
    if (faults.cancelAt === 0) this.#cancel.abort('stop')
  }

  get signal(): AbortSignal {
    return this.#cancel.signal
  }

  /** A place where it may die, be cancelled, or take some ticks. */
  async boundary(inTool = false): Promise<void> {
    if (!this.dead) {
      this.count++
      if (inTool) this.inTools++
      // A loop of microtasks alone would starve every timer, the test's own included.
      if (this.count > MANY) {
        this.world.broken.push(`no end after ${MANY} boundaries`)
        throw new Error('no end')
      }
      if (this.count === this.#faults.cancelAt) this.#cancel.abort('stop')
      const { crashAt, inTool: counted } = this.#faults
      if (counted ? inTool && this.inTools === crashAt : this.count === crashAt) {
        this.dead = true
        this.onDeath()
        this.#crash('crashed')
      }
    }
    if (this.dead && !this.#faults.zombie) return new Promise(() => {})
    for (let ticks = Math.floor(this.#random() * 4); ticks > 0; ticks--) await null
  }

  begin(begun: Omit<Begun, 'process' | 'ended'>): Begun {
    const entry: Begun = { ...begun, process: this.ordinal, ended: 'not' }
    if (!this.dead) this.world.begun.push(entry)
    return entry
  }

  /** What a dead process still does has no effect. */
  end(entry: Begun, how: 'done' | 'failed', output?: unknown): void {
    if (this.dead) return
    entry.ended = how
    if (how === 'failed' || entry.kind !== 'tool') return
    const { done } = this.world
    done.set(entry.key, [...(done.get(entry.key) ?? []), output])
  }
}
