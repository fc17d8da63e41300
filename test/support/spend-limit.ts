import type { AgentPlugin } from 'holdfast'

export const spendLimit = (tokens: number): AgentPlugin => ({
  name: 'spend-limit',
  hooks: {
    AfterModelCall({ outcome, run }) {
      if (outcome.status === 'ok')
        run.state = { spent: (run.state?.spent ?? 0) + (outcome.output.usage.totalTokens ?? 0) }
    },
    BeforeModelCall(event) {
      if ((event.run.state?.spent ?? 0) > tokens) event.cancelRun(`more than ${tokens} tokens`)
    },
  },
})
