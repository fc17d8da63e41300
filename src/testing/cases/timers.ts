/** Clause: a timer is durable. */
import type { AgentPlugin } from '../../plugin.ts'
import { check, expectEqual } from '../expect.ts'
import { sleep } from '../life.ts'
import type { CaseDefinition } from './case.ts'

/** Milliseconds. */
const SHORT = 300

function sleeper(duration: number): AgentPlugin {
  return {
    name: 'sleeper',
    hooks: {
      async BeforeToolCall(event) {
        if (event.step.name === 'join') await event.sleep(duration)
      },
    },
  }
}

export const timers: readonly CaseDefinition[] = [
  {
    name: 'timers: sleep',
    clause: 'A hook sleeps for as long as it says, once: not again when the run is asked for again.',
    requires: ['timers'],
    inProcess: true,
    async run(bench) {
      const began = Date.now()
      const result = await bench.run('pair', { plugins: [sleeper(SHORT)] })
      expectEqual(result.status, 'completed', 'the status of the run')
      check(Date.now() - began > SHORT - 5, `a sleep of ${SHORT} ms was over after ${Date.now() - began} ms`)
      const again = Date.now()
      await bench.run('pair', { plugins: [sleeper(SHORT)] })
      check(Date.now() - again < SHORT - 5, 'a sleep that was over was slept again')
    },
  },
  {
    name: 'timers: crash',
    clause: 'A timer runs on while no process does: what takes the run up waits for the rest alone.',
    requires: ['timers'],
    inProcess: true,
    async run(bench) {
      // Half of it is over when another process is started: that one has the rest to take the run up.
      const long = bench.takeOver * 2
      let open = (): void => {}
      const waiting = new Promise<void>((resolve) => {
        open = resolve
      })
      const dead = await bench.start('pair', {
        plugins: [sleeper(long)],
        onPoint: ({ boundary }) => {
          if (boundary === 'while-waiting') open()
        },
      })
      void dead.run()
      await waiting
      const began = Date.now()
      // The process is in its wait, and so is the engine by then: a timer that was not recorded would rightly begin anew.
      await sleep(long / 4)
      await dead.kill()
      await sleep(long / 4)
      const result = await bench.run('pair', { plugins: [sleeper(long)] })
      expectEqual(result.status, 'completed', 'the status of the run')
      const took = Date.now() - began
      check(took < long * 1.4, `a timer of ${long} ms was over ${took} ms after it began: it began anew`)
    },
  },
]
