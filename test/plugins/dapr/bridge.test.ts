/**
 * The bridge, on the SDK's own executor: whatever the order in which activities, timers and events come back, a replay of
 * any prefix of the history asks for what the run that stayed in memory asked for, and the function sees what it saw.
 */
import { createRequire } from 'node:module'
import type { WorkflowContext } from '@dapr/dapr'
import { WorkflowContext as Context, DaprWorkflowClient, WorkflowRuntime } from '@dapr/dapr'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Tasks } from '../../../src/plugins/dapr/bridge.ts'
import { bridge } from '../../../src/plugins/dapr/bridge.ts'
import { holdOnDivergence } from '../../../src/plugins/dapr/hold.ts'
import { LiveRuns } from '../../../src/plugins/dapr/live-runs.ts'
import { innerWorkerOf } from '../../../src/plugins/dapr/runtime.ts'
import type { Action, Event } from './support/executor.ts'
import { completed, Execution, failed, fired, quiet, raised } from './support/executor.ts'

quiet()

type Body = (tasks: Tasks) => Promise<unknown>

function workflowOf(body: Body) {
  return (inner: unknown) => {
    const context = new Context(inner as never) as WorkflowContext
    holdOnDivergence(context)
    return bridge(context, body)
  }
}

/** Branches beside each other, each with steps one after the other; what it saw is what it gives. */
type Step = { readonly kind: 'activity' | 'timer' | 'event' | 'direct' | 'large' | 'leave' }
type Script = readonly (readonly Step[])[]

/** What is not recorded takes another time each time. */
let clock = 0
async function aWhile(): Promise<number> {
  clock = (clock * 5 + 3) % 16
  for (let ticks = clock; ticks > 0; ticks -= 4) {
    await new Promise((resolve) => (ticks > 8 ? setTimeout(resolve, 1) : setImmediate(resolve)))
  }
  return 1
}

function bodyOf(script: Script): Body {
  return async (tasks) => {
    const events: unknown[] = []
    const hungry: ((payload: unknown) => void)[] = []
    tasks.on('wake', (payload) => {
      const next = hungry.shift()
      if (next) next(payload)
      else events.push(payload)
    })
    const event = (): Promise<unknown> =>
      events.length > 0
        ? Promise.resolve(events.shift())
        : tasks.untilEvent(new Promise((resolve) => hungry.push(resolve)))
    const order: string[] = []
    const branch = async (steps: readonly Step[], index: number): Promise<void> => {
      for (const [at, { kind }] of steps.entries()) {
        const name = `${index}.${at}`
        if (kind === 'timer') await tasks.timer(1_000)
        else if (kind === 'direct') order.push(`${name} ${await tasks.direct(aWhile)}`)
        else if (kind === 'leave') {
          if (tasks.isQuiet) await tasks.leave({ order })
        } else if (kind === 'event') order.push(`${name} ${JSON.stringify(await event())}`)
        else {
          while (kind === 'large' && !tasks.hasRoom(1_200_000)) await tasks.timer(1)
          order.push(`${name} ${await tasks.activity('work', { name }).catch((error: Error) => error.message)}`)
        }
        // A longer way in microtasks, as hooks have.
        for (let more = index; more > 0; more--) await null
        order.push(name)
      }
    }
    await Promise.all(script.map(branch))
    return order
  }
}

const scripts: fc.Arbitrary<Script> = fc.array(
  fc.array(
    fc.record({
      kind: fc.constantFrom('activity', 'activity', 'timer', 'event', 'direct', 'large', 'leave'),
    }) as fc.Arbitrary<Step>,
    {
      maxLength: 5,
    },
  ),
  { minLength: 1, maxLength: 4 },
)

/** Lives through a script: at each turn one or more of what is open come back, in an order that `choose` makes. */
async function live(script: Script, choose: () => number): Promise<Execution> {
  const execution = new Execution(workflowOf(bodyOf(script)), new LiveRuns())
  let events = script.flat().filter(({ kind }) => kind === 'event').length
  await execution.turn([])
  while (!execution.result) {
    const coming: Event[] = []
    do {
      const open = execution.open
      const pick = choose() % (open.length + (events > 0 ? 1 : 0) || 1)
      const action: Action | undefined = open[pick]
      if (action) coming.push(backOf(action, choose()))
      else if (events-- > 0) coming.push(raised('wake', { number: events }))
    } while (choose() % 3 === 0 && (execution.open.length > coming.length || events > 0) && coming.length < 4)
    const chance = choose() % 8
    // Its answer is not heard, and something else is what the workflow goes on by.
    if (chance < 2) execution.lose(distinct(coming), { twice: chance === 1 })
    await execution.turn(chance < 2 ? [raised('other', {})] : distinct(coming))
  }
  return execution
}

function backOf({ id, kind }: Action, chance: number): Event {
  if (kind === 'timer') return fired(id)
  return chance % 4 === 0 ? failed(id, `failed ${id}`) : completed(id, `done ${id}`)
}

function distinct(events: readonly Event[]): Event[] {
  const seen = new Set<number>()
  return events.filter((event) => {
    const { of } = event
    if (of === undefined) return true
    if (seen.has(of)) return false
    seen.add(of)
    return true
  })
}

test('a replay of each prefix asks for the same, and ends in the same', async () => {
  await fc.assert(
    fc.asyncProperty(scripts, fc.infiniteStream(fc.nat(1_000)), async (script, chances) => {
      const execution = await live(script, () => chances.next().value as number)
      for (const [index, { actions }] of execution.turns.entries()) {
        if (actions !== undefined) expect(await execution.replay(index + 1)).toEqual(actions)
      }
    }),
    { numRuns: 150 },
  )
})

test('an activity that failed rejects, and the workflow goes on', async () => {
  const execution = new Execution(workflowOf((tasks) => tasks.activity('work', {}).catch(() => 'caught')))
  await execution.turn([])
  await execution.turn([failed(1, 'no')])
  expect(execution.result).toEqual({ output: 'caught' })
})

test('the function fails: so does the workflow', async () => {
  const execution = new Execution(workflowOf(async () => Promise.reject(new Error('broken'))))
  await execution.turn([])
  expect(execution.result).toEqual({ failure: 'broken' })
})

test('events that come before anybody waits are kept, in order', async () => {
  const seen: unknown[] = []
  const execution = new Execution(
    workflowOf(async (tasks) => {
      await tasks.activity('work', {})
      const both = Promise.withResolvers<void>()
      tasks.on('wake', (payload) => {
        seen.push(payload)
        if (seen.length === 2) both.resolve()
      })
      await tasks.untilEvent(both.promise)
      return 'ok'
    }),
  )
  await execution.turn([])
  await execution.turn([raised('wake', { a: 1 }), raised('wake', { a: 2 })])
  await execution.turn([completed(1, 'x')])
  expect(execution.result).toEqual({ output: 'ok' })
  expect(seen).toEqual([{ a: 1 }, { a: 2 }])
})

test('what is not durable is waited for a while where nothing else is open', async () => {
  const execution = new Execution(
    workflowOf(async (tasks) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      return tasks.activity('work', {})
    }),
  )
  await execution.turn([])
  await execution.turn([completed(1, 'x')])
  expect(execution.result).toEqual({ output: 'x' })
})

test('what asks for a task when Dapr has its turn is refused', async () => {
  const task = { isComplete: false, isFailed: false, getResult: () => 'x' }
  const context = { callActivity: () => task, whenAny: () => task } as unknown as WorkflowContext
  const workflow = bridge(context, async (tasks) => {
    const late = new Promise((resolve) => setTimeout(resolve, 5)).then(() => tasks.activity('late', {}))
    await tasks.activity('work', {})
    return late
  })
  await workflow.next()
  await new Promise((resolve) => setTimeout(resolve, 20))
  task.isComplete = true
  await expect(workflow.next()).rejects.toMatchObject({ code: 'UNSUPPORTED' })
})

test('the SDK has the parts that are not public and that the plugin uses', () => {
  const require = createRequire(import.meta.url)
  const {
    RuntimeOrchestrationContext,
  } = require('@dapr/dapr/workflow/internal/durabletask/worker/runtime-orchestration-context.js')
  const inner = new RuntimeOrchestrationContext('one')
  expect(typeof inner.setFailed).toBe('function')
  expect(inner._pendingActions).toEqual({})
  const at = { daprHost: '127.0.0.1', daprPort: '1' }
  const worker = innerWorkerOf(new WorkflowRuntime(at))
  expect(worker).toMatchObject({ _isRunning: false, _responseStream: null, _stub: null })
  expect(worker).toHaveProperty('_grpcChannelOptions')
  expect(worker._executeOrchestrator).toBeTypeOf('function')
  expect(worker.logger?.logService?.info).toBeTypeOf('function')
  const { _innerClient } = new DaprWorkflowClient(at) as unknown as { _innerClient: typeof worker }
  expect(_innerClient.logger?.logService?.info).toBeTypeOf('function')
})

test('so many bytes are handed over in one turn, and the rest in the next', async () => {
  const seen: number[] = []
  const execution = new Execution(
    workflowOf(async (tasks) => {
      await Promise.all(
        [1, 2, 3, 4, 5].map(async (number) => {
          while (!tasks.hasRoom(1_000_000)) await tasks.timer(1)
          seen.push(number)
          return tasks.activity('work', { number })
        }),
      )
      return tasks.spent
    }),
  )
  await execution.turn([])
  expect(seen).toEqual([1, 2, 3])
  expect(execution.open.map(({ kind }) => kind)).toEqual(['activity', 'activity', 'activity', 'timer', 'timer'])
  await execution.turn([fired(4), fired(5)])
  await execution.turn([1, 2, 3, 6, 7].map((id) => completed(id, 'x')))
  expect(execution.result).toEqual({ output: { activities: 5, bytes: 5_000_000 } })
})
