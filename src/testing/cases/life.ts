/** Clauses of processes: owners, disposal, long runs, crashes at every boundary. */
import { LONG_TURNS } from '../agents/long.ts'
import { conformanceAgent } from '../agents.ts'
import { crashEverywhere } from '../crash-everywhere.ts'
import type { ConformanceAgentName } from '../agents.ts'
import { sleep } from '../life.ts'
import { essenceOf } from '../essence.ts'
import { BrokenPromise, check, expectEqual } from '../expect.ts'
import { isHoldfastError } from '../../errors.ts'
import type { CaseDefinition } from './case.ts'
import { PAIR_EFFECTS } from './replay.ts'

/** Milliseconds for each step of a long run when it is read from the record: far more than it should take. */
const REPLAY_LIMIT = 5

export const life: readonly CaseDefinition[] = [
  {
    name: 'owners',
    clause:
      'Of two processes that run the same run at the same time, one does the work: the other is refused or waits.',
    requires: ['ownership'],
    async run(bench) {
      const { world } = bench
      await world.hold('left did')
      const first = await bench.start('pair')
      const second = await bench.start('pair')
      const running = first.run()
      await world.reached('left did')
      const refused = second.run().then(
        (result) => result.status,
        (error: unknown) => (isHoldfastError(error, 'RUN_LOCKED') ? 'refused' : String(error)),
      )
      await sleep(30)
      await world.release('left did')
      expectEqual((await running).status, 'completed', 'the status of the run')
      const other = await refused
      check(other === 'refused' || other === 'completed', `the second process was told ${other}`)
      await first.stop()
      await second.stop()
      expectEqual(await bench.effects(), PAIR_EFFECTS, 'what was done by both')
    },
  },
  {
    name: 'owners: a process that was taken for dead',
    clause: 'A process whose run was taken up by another can record nothing any more.',
    requires: ['ownership'],
    inProcess: true,
    async run(bench) {
      const { world, engine } = bench
      await world.hold('slow draw did')
      const slow = await bench.startWith((own) =>
        conformanceAgent('lottery', { ...own, at: (point, signal) => own.at(`slow ${point}`, signal) }),
      )
      const over = slow.run().then(
        () => {},
        () => {},
      )
      await world.reached('slow draw did')
      // Only the engine takes it for dead: the process itself goes on, and ends its step after the other has.
      await engine.kill?.(slow.plugin)
      const result = await bench.run('lottery')
      await world.release('slow draw did')
      await Promise.race([over, sleep(100)])
      const again = await bench.run('lottery')
      expectEqual(again.text, result.text, 'the result, once the slow process had ended its step')
    },
  },
  {
    name: 'disposal',
    clause: 'dispose() lets go of everything and may be called twice; another plugin on the same storage goes on.',
    async run(bench) {
      const first = await bench.start('pair')
      const result = await first.run()
      await first.stop()
      await first.stop()
      const second = await bench.start('pair')
      expectEqual(essenceOf(await second.run()), essenceOf(result), 'the result from another plugin')
      await second.stop()
      expectEqual(await bench.effects(), PAIR_EFFECTS, 'what was done')
    },
  },
  {
    name: 'disposal: one of two',
    clause: 'Disposing one plugin leaves another on the same storage as it is.',
    async run(bench) {
      const { world } = bench
      const idle = await bench.start('pair')
      await world.hold('join begins')
      const busy = await bench.start('pair')
      const running = busy.run()
      await world.reached('join begins')
      await idle.stop()
      await world.release('join begins')
      expectEqual((await running).status, 'completed', 'the status of the run')
      await busy.stop()
    },
  },
  {
    name: 'a thousand steps',
    clause: 'A run of a thousand steps completes, and is read from the record without doing any of them again.',
    async run(bench) {
      const result = await bench.run('long')
      expectEqual(
        { status: result.status, turns: result.turns },
        { status: 'completed', turns: LONG_TURNS },
        'the end of the run',
      )
      const steps = LONG_TURNS * 4 - 3
      const began = Date.now()
      const again = await bench.run('long')
      const took = (Date.now() - began) / steps
      expectEqual(again.messages.length, result.messages.length, 'the length of the conversation')
      const effects = await bench.world.effects()
      expectEqual(effects.length, (LONG_TURNS - 1) * 3, 'how many tools ran')
      check(took < REPLAY_LIMIT, `reading it from the record took ${took.toFixed(1)} ms for each step`)
    },
  },
  ...crashes('pair', []),
  ...crashes('parent', []),
  ...crashes('booking', ['waits']),
  ...crashes('approvals', ['waits']),
]

/** Each boundary of each step of an agent. */
function crashes(name: ConformanceAgentName, requires: CaseDefinition['requires'] & {}): CaseDefinition[] {
  return [
    {
      name: `crash everywhere: ${name}`,
      clause: `A crash at any boundary of any step of agent '${name}' changes nothing of what comes out.`,
      requires,
      inProcess: true,
      async run({ engine }) {
        // The bench disposes the engine.
        const lasting = { ...methodsOf(engine), dispose: async () => {} }
        const scenario = { agent: (world: Parameters<typeof conformanceAgent>[1]) => conformanceAgent(name, world) }
        const report = await crashEverywhere({ ...scenario, input: 'go', engine: lasting })
        if (!report.ok) throw new BrokenPromise(String(report))
      },
    },
  ]
}

function methodsOf(engine: Parameters<CaseDefinition['run']>[0]['engine']): typeof engine {
  return {
    start: (agent, watch) => engine.start(agent, watch),
    ...(engine.kill && { kill: (plugin) => engine.kill?.(plugin) }),
    ...(engine.respond && { respond: async (...given) => engine.respond?.(...given) }),
    ...(engine.run && { run: engine.run.bind(engine) }),
  }
}
