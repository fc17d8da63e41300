/** Clause: a cancel is heard. */
import { RUN_ID } from '../bench.ts'
import { expectEqual } from '../expect.ts'
import { sleep } from '../life.ts'
import type { Bench } from '../bench.ts'
import type { CaseDefinition } from './case.ts'

async function cancelRun({ engine }: Bench, reason: string, runId: string = RUN_ID): Promise<void> {
  if (!engine.cancel) throw new Error('the engine claims cancelRunning, and the EngineUnderTest has no cancel()')
  await engine.cancel(runId, reason)
}

export const cancel: readonly CaseDefinition[] = [
  {
    name: 'cancel: while a tool runs',
    clause: "A cancel reaches the signal of the tool that runs, and the run's result says so.",
    requires: ['cancelRunning'],
    async run(bench) {
      const { world } = bench
      await world.hold('working')
      const process = await bench.start('patient')
      const running = process.run()
      await world.reached('working')
      await cancelRun(bench, 'enough')
      const { status, reason } = await running
      await process.stop()
      expectEqual({ status, reason }, { status: 'cancelled', reason: 'enough' }, 'the result of the run')
      while ((await bench.effects()).length === 0) await sleep(2)
      expectEqual(
        await bench.effects(),
        [`${RUN_ID}/1/tool/0/work stopped`],
        'what the tool did when it was told to stop',
      )
      const again = await bench.run('patient')
      expectEqual(again.status, 'cancelled', 'the status when the run is asked for again')
    },
  },
  {
    name: 'cancel: while nobody runs it',
    clause: 'A cancel of a run whose process died is not lost: what takes it up ends it.',
    requires: ['cancelRunning'],
    async run(bench) {
      const { world } = bench
      await world.hold('join begins')
      const dead = await bench.start('pair')
      void dead.run()
      await world.reached('join begins')
      await dead.kill()
      await cancelRun(bench, 'enough')
      await world.release('join begins')
      const { status, reason } = await bench.run('pair')
      expectEqual({ status, reason }, { status: 'cancelled', reason: 'enough' }, 'the result of the run')
      expectEqual((await bench.effects()).length, 2, 'the number of effects: none after the cancel')
    },
  },
  {
    name: 'cancel: while it waits',
    clause:
      'A cancel ends a run that waits for a person, whether a process waits with it or not, and loses nothing of it.',
    requires: ['cancelRunning', 'waits'],
    async run(bench) {
      const waiting = await bench.run('approvals')
      expectEqual(waiting.status, 'waiting', 'the status at first')
      await cancelRun(bench, 'enough')
      const { status, reason, messages } = await bench.run('approvals')
      expectEqual({ status, reason }, { status: 'cancelled', reason: 'enough' }, 'the result of the run')
      const kept = messages.slice(0, waiting.messages.length)
      expectEqual(kept, waiting.messages, 'the conversation up to the cancel')
      const process = await bench.start('approvals')
      const blocked = process.run('go', { runId: 'blocked', onWait: 'block' })
      // Until it waits, and a little longer.
      await sleep(50)
      await cancelRun(bench, 'enough', 'blocked')
      expectEqual((await blocked).status, 'cancelled', 'the status of the run that blocked')
      await process.stop()
      expectEqual(await bench.effects(), [], 'what was done')
    },
  },
]
