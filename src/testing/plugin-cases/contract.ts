/** Clauses of what a plugin is: names, places, JSON, the seam. */
import { isHoldfastError } from '../../errors.ts'
import type { AgentPlugin, StepMiddleware } from '../../plugin.ts'
import { executionId } from '../../step.ts'
import { BrokenPromise, check, expectEqual } from '../expect.ts'
import { HOOK_NAMES } from '../plugins.ts'
import { memoryEngine } from '../memory-engine.ts'
import type { PluginBench, PluginCase, RunSetup } from './case.ts'
import { runOnce } from './case.ts'

const NAME = /^[A-Za-z0-9_-]{1,64}$/

export const contract: readonly PluginCase[] = [
  {
    name: 'plugin: names',
    clause: 'Its name, hooks, tasks and middleware are ones that an agent knows, and each plugin it makes is another.',
    async run({ create }) {
      const plugin = create()
      check(NAME.test(plugin.name), `'${plugin.name}' is no name: 1 to 64 letters, digits, '_' and '-'`)
      checkKeys(plugin.hooks, [...HOOK_NAMES, 'scope'], 'hook')
      checkKeys(plugin.middleware, ['model', 'tool', 'task'], 'middleware')
      for (const task of Object.keys(plugin.tasks ?? {})) check(NAME.test(task), `'${task}' is no name of a task`)
      check(plugin.durability === undefined, 'it has durability: durabilityConformance() is for it')
      check(create() !== plugin, 'create() gives the same plugin again: a new process has a new one')
      check(create().name === plugin.name, 'its name is another each time: steps that were recorded have the old one')
    },
  },
  {
    name: 'plugin: the seam',
    clause: 'What it puts into event.step ends in the durable step, or is settled by settledStep.',
    run: (bench) => expectRun(bench, 'STEP_NOT_RECORDED', 'it settled a step behind the engine'),
  },
  {
    name: 'plugin: state is JSON',
    clause: 'What it keeps in run.state is JSON.',
    run: (bench) => expectRun(bench, 'NOT_JSON', 'what it keeps in run.state is no JSON'),
  },
  {
    name: 'plugin: middleware does it once',
    clause:
      'Its middleware does the work of an attempt at most once: what retries is the engine, or a wrapper in the loop.',
    async run(bench) {
      const seen = new Map<string, number>()
      await runOnce(bench, { plugins: () => [innermost((attempt) => seen.set(attempt, (seen.get(attempt) ?? 0) + 1))] })
      const twice = [...seen].find(([, count]) => count > 1)
      check(!twice, `its middleware did ${twice?.[0]} ${twice?.[1]} times`)
    },
  },
  {
    name: 'plugin: by name',
    clause:
      'It does the same where steps are executed by name, by a worker that has another plugin from the same factory.',
    async run(bench) {
      const here = await runOnce(bench)
      // The worker does its steps to no world that anybody looks at: only what it gives back counts.
      const world = { effect: async () => {}, at: async () => {} }
      const engine = memoryEngine({ dispatch: 'name', worker: () => bench.agentWith(world) })
      const there = await runOnce(bench, { engine })
      expectEqual(there.end.essence, here.end.essence, 'the run whose steps a worker executes')
    },
  },
]

function checkKeys(object: object | undefined, known: readonly string[], what: string): void {
  for (const key of Object.keys(object ?? {})) {
    check(known.includes(key), `there is no ${what} '${key}': it would never be called. There are ${known.join(', ')}`)
  }
}

async function expectRun(bench: PluginBench, code: string, what: string, setup: RunSetup = {}): Promise<void> {
  const { end } = await runOnce(bench, setup)
  const { error } = end
  if (isHoldfastError(error) && error.code === code) throw new BrokenPromise(`${what}: ${error.message}`)
}

/** Told of each attempt that comes through all other middleware. */
function innermost(tell: (attempt: string) => void): AgentPlugin {
  const around = <R extends { readonly stepId: string; readonly execution: number; readonly attempt: number }, T>(
    request: R,
    next: (request: R) => Promise<T>,
  ): Promise<T> => {
    const { stepId, execution, attempt } = request
    tell(`${executionId({ id: stepId, execution })}, attempt ${attempt},`)
    return next(request)
  }
  const middleware: StepMiddleware = { model: around, tool: around, task: around }
  return { name: 'innermost', enforce: 'post', middleware }
}
