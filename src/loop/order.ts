/** An agent's plugins: their names, and their order, which is that of their Before… hooks, and of their middleware from the outside in. */
import { HoldfastError } from '../errors.ts'
import type { AgentPlugin } from '../plugin.ts'
import { checkName } from '../tool.ts'

/** Hooks that were added with `on()`: the application's own. */
export const APP = 'app'

/** Names that step ids and tasks have for others. */
const TAKEN: ReadonlySet<string> = new Set([APP, 'holdfast'])

const PLACE = { pre: 0, none: 1, post: 2 } as const

/** `pre` first, `post` last; else as they were registered. */
export function orderPlugins(plugins: readonly AgentPlugin[]): AgentPlugin[] {
  return [...plugins].sort((a, b) => PLACE[a.enforce ?? 'none'] - PLACE[b.enforce ?? 'none'])
}

/**
 * Names of plugins stand in step ids, and a plugin's state is kept under its name.
 * @throws `CONFIG_INVALID` for one that is no name, or that two have
 */
export function checkPluginNames(plugins: readonly AgentPlugin[], agent: string): void {
  const known = new Set(TAKEN)
  for (const { name } of plugins) {
    checkName(name, 'plugin')
    if (known.has(name)) {
      const why = TAKEN.has(name) ? 'that name has a meaning of its own' : 'there is one already'
      throw new HoldfastError({
        code: 'CONFIG_INVALID',
        message: `agent '${agent}' can't have a plugin '${name}': ${why}.`,
      })
    }
    known.add(name)
  }
}
