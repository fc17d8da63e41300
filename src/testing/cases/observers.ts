/** Clause: observers are told of what happens, quietly on replay. */
import type { AgentEvent } from '../../observe.ts'
import { executionId } from '../../step.ts'
import { check, expectEqual } from '../expect.ts'
import { observing } from '../plugins.ts'
import type { CaseDefinition } from './case.ts'
import { PAIR_STEPS } from './middleware.ts'

export const observers: readonly CaseDefinition[] = [
  {
    name: 'observers',
    clause: 'Observers are told of each thing that happens once, and of nothing on replay unless they ask for it.',
    inProcess: true,
    async run(bench) {
      const live: AgentEvent[] = []
      await bench.run('pair', { plugins: [observing(live)] })
      expectEqual(startedIn(live), [...PAIR_STEPS].sort(), 'the steps that an observer was told of')
      check(
        live.every(({ phase }) => phase === 'live'),
        'an event of a new run has another phase than live',
      )
      const ids = live.map(({ id }) => `${id.runId} ${id.seq}`)
      expectEqual(new Set(ids).size, ids.length, 'the number of different ids of events')
      const quietly: AgentEvent[] = []
      await bench.run('pair', { plugins: [observing(quietly)] })
      expectEqual(startedIn(quietly), [], 'the steps that an observer was told of on replay')
    },
  },
  {
    name: 'observers: around a crash',
    clause: 'After a crash observers are told of what is new; events have the ids that they would have had without.',
    inProcess: true,
    async run(bench) {
      const { world } = bench
      const calm: AgentEvent[] = []
      await bench.run('pair', { runId: 'calm', plugins: [observing(calm)] })
      await world.hold('join begins')
      const before: AgentEvent[] = []
      const dead = await bench.start('pair', { plugins: [observing(before)] })
      void dead.run()
      await world.reached('join begins', 2)
      await dead.kill()
      await world.release('join begins')
      const after: AgentEvent[] = []
      await bench.run('pair', { plugins: [observing(after)] })
      const told = [...before, ...after].filter(({ type }) => type === 'step-finished')
      // Around the crash an event may come twice; its id says so.
      const unique = [...new Map(told.map((event) => [event.id.seq, event])).values()]
      const names = unique.map((event) => (event.type === 'step-finished' ? executionId(event.step) : '')).sort()
      expectEqual(
        names.filter((name) => PAIR_STEPS.includes(name)),
        [...PAIR_STEPS].sort(),
        'the steps that ended',
      )
      check(told.length <= unique.length + 1, `${told.length - unique.length} events came twice`)
      for (const event of told) {
        const usual = calm.find((other) => other.id.seq === event.id.seq)
        expectEqual(nameOf(event), usual && nameOf(usual), `the event with number ${event.id.seq}`)
      }
    },
  },
]

function nameOf(event: AgentEvent): string {
  return 'step' in event ? `${event.type} ${executionId(event.step)}` : event.type
}

/** Steps of models and tools that were started: the loop's own are not of interest. */
function startedIn(events: readonly AgentEvent[]): string[] {
  const names = events.map((event) =>
    event.type === 'step-started' && (event.step.kind === 'model' || event.step.kind === 'tool')
      ? executionId(event.step)
      : '',
  )
  return names.filter((name) => name !== '').sort()
}
