/**
 * The world outside of a run: what tools do to it is kept in a list, and they can be held at a point on the way. Cases
 * look at the list; an engine whose worker is elsewhere gives it a store that both can reach.
 */
import type { Json } from '../json.ts'
import type { Life } from './life.ts'
import { never, sleep } from './life.ts'

/** What a tool of the kit's agents has. */
export interface World {
  /** Something that is done outside, and is done twice if it is asked for twice. */
  effect(key: string, data?: Json): Promise<void>
  /** A place where a case may hold the tool. Rejects with the signal's reason when it aborts meanwhile. */
  at(point: string, signal?: AbortSignal): Promise<void>
}

export interface Effect {
  readonly key: string
  readonly data?: Json
}

/** The world with what a case needs to look at it and to hold what happens in it. */
export interface WorldControl extends World {
  /** All that was done, in the order in which it was done. */
  effects(): Promise<readonly Effect[]>
  /** From now on whoever comes to the point stays there. */
  hold(point: string): Promise<void>
  release(point: string): Promise<void>
  /** Resolves when somebody has come to the point for the `times`th time, first unless said otherwise. */
  reached(point: string, times?: number): Promise<void>
}

/** Lists of lines that all processes of a test see: in memory, or in files. */
export interface WorldStore {
  append(list: string, line: string): Promise<void>
  lines(list: string): Promise<readonly string[]>
}

export function memoryStore(): WorldStore {
  const lists = new Map<string, string[]>()
  return {
    async append(list, line) {
      const known = lists.get(list)
      if (known) known.push(line)
      else lists.set(list, [line])
    },
    async lines(list) {
      return lists.get(list) ?? []
    },
  }
}

const POLL = 2

export function createWorld(store: WorldStore = memoryStore()): WorldControl {
  const held = async (point: string): Promise<boolean> => {
    const last = (await store.lines('holds')).findLast((line) => line.slice(1) === point)
    return last?.startsWith('+') === true
  }
  return {
    effect: (key, data) => store.append('effects', JSON.stringify({ key, ...(data !== undefined && { data }) })),
    async at(point, signal) {
      await store.append('reached', point)
      while (await held(point)) {
        if (signal?.aborted) throw signal.reason
        await sleep(POLL)
      }
    },
    effects: async () => (await store.lines('effects')).map((line) => JSON.parse(line) as Effect),
    hold: (point) => store.append('holds', `+${point}`),
    release: (point) => store.append('holds', `-${point}`),
    async reached(point, times = 1) {
      const count = async (): Promise<number> => (await store.lines('reached')).filter((line) => line === point).length
      while ((await count()) < times) await sleep(POLL)
    },
  }
}

/** The world as a process sees it: to a dead one it is out of reach. */
export function worldOf(world: World, life: Life): World {
  return {
    async effect(key, data) {
      if (!life.alive) await never()
      await world.effect(key, data)
      await life.pass()
    },
    async at(point, signal) {
      if (!life.alive) await never()
      await world.at(point, signal)
      await life.pass()
    },
  }
}
