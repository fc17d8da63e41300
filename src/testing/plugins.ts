/** Plugins that cases put into an agent. */
import type { AgentEvent } from '../observe.ts'
import type { HookName, Hooks } from '../hooks/events.ts'
import type { AgentPlugin, StepMiddleware } from '../plugin.ts'
import type { Step } from '../step.ts'
import type { StepKind } from '../step-kinds.ts'
import { executionId } from '../step.ts'
import { wrapStep } from '../step-wrap.ts'
import { sleep } from './life.ts'
import { seededRandom } from './random.ts'

/** All hooks that there are. */
export const HOOK_NAMES: readonly HookName[] = [
  'BeforeInvocation',
  'AfterInvocation',
  'BeforeModelCall',
  'AfterModelCall',
  'BeforeToolCall',
  'AfterToolCall',
  'BeforeWait',
  'AfterWait',
  'BeforeAgentCall',
  'AfterAgentCall',
  'BeforeTask',
  'AfterTask',
  'MessageAdded',
]

/** Each of its hooks takes a random time, up to so many milliseconds. */
export function latency(seed: number, most = 3): AgentPlugin {
  const random = seededRandom(seed)
  const hooks = HOOK_NAMES.map((name) => [name, () => sleep(random() * most)])
  return { name: `latency-${seed}`, hooks: Object.fromEntries(hooks) as Hooks }
}

/** Puts a wrapper around each tool that runs it again, so many times, when it fails. */
export function retrying(times: number): AgentPlugin {
  const wrap = <K extends StepKind>(event: { step: Step<K> }): void => {
    event.step = wrapStep(event.step, async (run) => {
      for (let left = times; ; left--) {
        try {
          return await run()
        } catch (error) {
          if (left === 0) throw error
        }
      }
    })
  }
  return { name: 'retrying', hooks: { BeforeToolCall: wrap } }
}

/** Notes each execution that its middleware is around. */
export function counting(seen: string[]): AgentPlugin {
  const note = <R extends { readonly stepId: string; readonly execution: number }, T>(
    request: R,
    next: (request: R) => Promise<T>,
  ): Promise<T> => {
    seen.push(executionId({ id: request.stepId, execution: request.execution }))
    return next(request)
  }
  const middleware: StepMiddleware = { model: note, tool: note, task: note }
  return { name: 'counting', middleware }
}

/** Notes what observers are told. */
export function observing(seen: AgentEvent[], replay = false): AgentPlugin {
  return { name: 'observing', observe: (event) => seen.push(event), ...(replay && { observeReplay: true }) }
}
