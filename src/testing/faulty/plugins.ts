/** Plugins that are not at home in a loop that is replayed, each in another way. */
import type { HookEvents } from '../../hooks/events.ts'
import type { AgentPlugin } from '../../plugin.ts'
import { withInput, wrapStep } from '../../step-wrap.ts'

export interface FaultyPlugin {
  /** What is wrong with it. */
  readonly name: string
  /** Names of the cases that must fail with it; others may. */
  readonly caughtBy: readonly string[]
  create(): AgentPlugin
}

type ToolEvent = HookEvents['BeforeToolCall']

const toolHook = (hook: (event: ToolEvent) => void | Promise<void>): AgentPlugin => ({
  name: 'faulty',
  hooks: { BeforeToolCall: hook },
})

/** A count of what was done that a closure keeps. */
function countsInClosure(): AgentPlugin {
  let calls = 0
  return toolHook((event) => {
    calls++
    event.step = withInput(event.step, { calls } as never)
  })
}

function sharesClosure(): AgentPlugin {
  let last = 'nothing'
  return {
    name: 'faulty',
    hooks: {
      BeforeToolCall(event) {
        last = event.step.name
      },
    },
    middleware: { tool: async (request, next) => `${String(await next(request))} after ${last}` },
  }
}

export const FAULTY_PLUGINS: readonly FaultyPlugin[] = [
  {
    name: 'has a hook that there is not',
    caughtBy: ['plugin: names'],
    create: () => ({ name: 'faulty', hooks: { BeforeTool: () => {} } as AgentPlugin['hooks'] & {} }),
  },
  {
    name: 'is named by the time',
    caughtBy: ['plugin: names'],
    create: () => ({ name: `faulty-${Math.random().toString(36).slice(2)}` }),
  },
  {
    name: 'settles a step behind the engine',
    caughtBy: ['plugin: the seam'],
    create: () =>
      toolHook((event) => {
        event.step = wrapStep(event.step, async () => 'from a cache')
      }),
  },
  {
    name: 'keeps a Map in run.state',
    caughtBy: ['plugin: state is JSON'],
    create: () =>
      toolHook((event) => {
        event.run.state = new Map([[event.step.id, 1]])
      }),
  },
  {
    name: 'retries in middleware',
    caughtBy: ['plugin: middleware does it once'],
    create: () => ({
      name: 'faulty',
      middleware: {
        async tool(request, next) {
          await next(request)
          return next(request)
        },
      },
    }),
  },
  { name: 'shares a closure of hook and middleware', caughtBy: ['plugin: by name'], create: sharesClosure },
  {
    name: 'throws dice in a hook',
    caughtBy: ['plugin: replay', 'plugin: random times'],
    create: () =>
      toolHook((event) => {
        event.step = withInput(event.step, { dice: Math.random() } as never)
      }),
  },
  {
    name: 'looks at the clock',
    caughtBy: ['plugin: random times'],
    create: () => {
      let begun: number | undefined
      return toolHook((event) => {
        begun ??= Date.now()
        if (Date.now() - begun > 2) event.denyStep('it takes too long')
      })
    },
  },
  {
    name: 'counts in a closure',
    caughtBy: ['plugin: runs apart', 'plugin: crash everywhere'],
    create: countsInClosure,
  },
]
