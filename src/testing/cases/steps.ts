/** Clauses of single kinds of steps: sub-agents, once, large records, streams. */
import { BrokenPromise, check, expectEqual, expectError } from '../expect.ts'
import { RUN_ID } from '../bench.ts'
import { conformanceAgent } from '../agents.ts'
import { essenceOf } from '../essence.ts'
import { visibleText } from '../visible-text.ts'
import { isHoldfastError } from '../../errors.ts'
import { sleep } from '../life.ts'
import type { CaseDefinition } from './case.ts'
import { resultsOf } from './codec.ts'

const UNKNOWN = '1/tool/0/book/unknown'

export const steps: readonly CaseDefinition[] = [
  {
    name: 'sub-agents',
    clause: 'The steps of a sub-agent are steps of the run: recorded, with ids under that of the call, not done again.',
    async run(bench) {
      const { world } = bench
      await world.hold('beside did')
      const dead = await bench.start('parent')
      void dead.run()
      await Promise.all([world.reached('beside did'), world.reached('inner did')])
      // The sub-agent gets as far as it can; the tool beside it stays in its middle.
      await sleep(50)
      await dead.kill()
      await world.release('beside did')
      const result = await bench.run('parent')
      expectEqual(result.text, 'the child has 2; beside-done', 'the text of the run')
      expectEqual(
        await bench.effects(),
        [`${RUN_ID}/1/agent/0/child/1/tool/0/inner`, `${RUN_ID}/1/tool/1/beside`, `${RUN_ID}/1/tool/1/beside`],
        'what was done',
      )
      expectEqual(essenceOf(await bench.run('parent')), essenceOf(result), 'the result from the record')
    },
  },
  {
    name: 'once',
    clause: "A step with effect 'once' never runs again after a crash: a person says what became of it.",
    async run(bench) {
      const { world, supports } = bench
      await world.hold('book did')
      const dead = await bench.start('booking')
      const running = dead.run()
      if (!supports.once && dead.plugin.durability?.dispatch === 'name') {
        await expectError(running, ['UNSUPPORTED'], "an agent with effect 'once'")
        return
      }
      await world.reached('book did')
      await dead.kill()
      await world.release('book did')
      const next = await bench.run('booking')
      expectEqual((await bench.effects()).length, 1, 'how often the booking was made')
      if (!supports.waits) {
        const told = JSON.stringify(resultsOf(next.messages)['book'])
        check(told.includes('error-text'), `the model was told ${told}, and nobody knows the outcome`)
        return
      }
      expectEqual(
        { status: next.status, waits: next.waits.map(({ id }) => id) },
        { status: 'waiting', waits: [UNKNOWN] },
        'the run whose booking is in doubt',
      )
      await bench.respond(UNKNOWN, { status: 'done', output: 'JL44-1' })
      expectEqual((await bench.run('booking')).text, 'booked JL44-1', 'the text, once a person found out')
      expectEqual((await bench.effects()).length, 1, 'how often the booking was made')
    },
  },
  {
    name: 'records: at the limit',
    clause: 'A record that is as large as the engine says it takes comes back whole.',
    requires: ['recordBytes'],
    async run(bench) {
      // What a record has besides the output is small.
      const size = (bench.supports.recordBytes ?? 0) - 1_000
      const first = await bench.run('large', { context: { size } })
      const given = resultsOf(first.messages)['give'] as { readonly value?: string }
      expectEqual(given.value?.length, size, 'the length of what the tool gave')
      expectEqual(
        essenceOf(await bench.run('large', { context: { size } })),
        essenceOf(first),
        'the result from the record',
      )
    },
  },
  {
    name: 'records: over the limit',
    clause:
      'A record that is too large is refused at once, terminally, and the tool that ran does not run again for it.',
    requires: ['recordBytes'],
    async run(bench) {
      const context = { size: (bench.supports.recordBytes ?? 0) + 1_000 }
      try {
        const result = await bench.run('large', { context })
        const told = JSON.stringify(resultsOf(result.messages)['give'])
        check(
          /"ran":true|bytes/.test(told),
          `the model was told ${told.slice(0, 200)}: neither that it ran nor the size`,
        )
      } catch (error) {
        if (error instanceof BrokenPromise) throw error
        const ours = isHoldfastError(error, 'PAYLOAD_TOO_LARGE')
        check(ours, `a record that is too large failed the run with ${String(error)}`)
      }
      expectEqual((await bench.effects()).length, 1, 'how often the tool ran')
      await bench.run('large', { context }).catch(() => {})
      expectEqual((await bench.effects()).length, 1, 'how often the tool ran, with the run asked for again')
    },
  },
  {
    name: 'streams',
    clause: 'What a step says can be read while it runs; when it dies and runs again, readers take the text back.',
    requires: ['streams'],
    async run(bench) {
      const { world } = bench
      await world.hold('mid-stream')
      const dead = await bench.start('streamer')
      const sink = dead.plugin.durability?.streams
      if (!sink) throw new BrokenPromise('the plugin claims streams, and has no durability.streams')
      void dead.run()
      await world.reached('mid-stream')
      for await (const chunk of sink.read(RUN_ID)) if ('delta' in chunk) break
      await dead.kill()
      await world.release('mid-stream')
      const next = await bench.startWith((own) => conformanceAgent('streamer', own))
      await next.run()
      const read = next.plugin.durability?.streams
      const texts = read ? await visibleText(read, RUN_ID) : {}
      await next.stop()
      expectEqual(texts['1/model'], ['Hello, world.{}'], 'what a reader has of the step that died and ran again')
      expectEqual(texts['2/model'], ['Bye.'], 'what a reader has of the step after it')
    },
  },
]
