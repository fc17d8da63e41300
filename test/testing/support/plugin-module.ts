/** A plugin that is no durability plugin. */
import type { AgentPlugin } from 'holdfast'

export const create = (): AgentPlugin => ({
  name: 'counter',
  hooks: {
    AfterToolCall({ run }) {
      run.state = { calls: (run.state?.calls ?? 0) + 1 }
    },
  },
})
