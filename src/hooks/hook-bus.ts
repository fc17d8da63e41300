/**
 * The bus: hides emittery, which calls the hooks one after the other. Ours is the order (`enforce`, After… reversed),
 * that each registration is called, and whose hook it was when one throws.
 */
import Emittery from 'emittery'
import { HoldfastError, isEngineFailure, isSuspended } from '../errors.ts'
import type { AgentPlugin } from '../plugin.ts'
import type { Hook, HookEvents, HookName, Hooks } from './events.ts'

/** What the loop gives for an event: the view that a plugin's hook gets, made once per hook. */
export type EventSource<N extends HookName> = (plugin: string) => HookEvents[N]

/** Hooks that put the durable part in: of a durability plugin they are called by the loop, before all others. */
const SEAMS: ReadonlySet<HookName> = new Set(['BeforeModelCall', 'BeforeToolCall', 'BeforeTask', 'BeforeWait'])

type Sources = { [N in HookName]: EventSource<N> }

/** Without emittery's debug log, which looks at the environment for each event: a third of what an event costs. */
class Emitter extends Emittery<Sources> {
  override logIfDebugEnabled(): void {}
}

export class HookBus {
  readonly #emittery = new Emitter()
  readonly #known = new Set<HookName>()

  /** @param plugins in the order of their Before… hooks */
  constructor(plugins: readonly AgentPlugin[]) {
    for (const plugin of plugins) this.#register(plugin, (name) => !name.startsWith('After'))
    for (const plugin of [...plugins].reverse()) this.#register(plugin, (name) => name.startsWith('After'))
  }

  /** Whether anybody listens; where nobody does, an event need not be made. */
  has(name: HookName): boolean {
    return this.#known.has(name)
  }

  /** Call the hooks of an event, one after the other. Rejects with the first failure. */
  emit<N extends HookName>(name: N, source: EventSource<N>): Promise<void> {
    return this.#known.has(name) ? this.#emittery.emitSerial(name, source as Sources[N]) : Promise.resolve()
  }

  #register(plugin: AgentPlugin, wanted: (name: HookName) => boolean): void {
    for (const name of Object.keys(plugin.hooks ?? {}) as (keyof Hooks)[]) {
      if (name === 'scope' || !wanted(name) || (plugin.durability && SEAMS.has(name))) continue
      const hook = plugin.hooks?.[name] as Hook<HookName> | undefined
      if (!hook) continue
      this.#known.add(name)
      // A closure of its own for each registration: emittery calls the same function once, however often it is given.
      this.#emittery.on(name, ({ data }) => callHook(plugin.name, name, hook, data(plugin.name)))
    }
  }
}

/** Call one hook; what it throws says whose it was. */
export async function callHook<N extends HookName>(
  plugin: string,
  name: N,
  hook: (event: HookEvents[N]) => Promise<void> | void,
  event: HookEvents[N],
): Promise<void> {
  try {
    await hook(event)
  } catch (error) {
    if (isSuspended(error) || isEngineFailure(error)) throw error
    throw new HoldfastError({
      code: 'HOOK_FAILED',
      message: `${name} of plugin '${plugin}' failed: ${error instanceof Error ? error.message : String(error)}`,
      details: { plugin, hook: name },
      cause: error,
    })
  }
}
