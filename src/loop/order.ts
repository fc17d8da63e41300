/** The order of an agent's plugins: that of their Before… hooks, and of their middleware from the outside in. */
import type { AgentPlugin } from '../plugin.ts'

const PLACE = { pre: 0, none: 1, post: 2 } as const

/** `pre` first, `post` last; else as they were registered. */
export function orderPlugins(plugins: readonly AgentPlugin[]): AgentPlugin[] {
  return [...plugins].sort((a, b) => PLACE[a.enforce ?? 'none'] - PLACE[b.enforce ?? 'none'])
}
