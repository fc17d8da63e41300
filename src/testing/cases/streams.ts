/** Clause: what a step says is heard, and taken back when it dies. */
import { BrokenPromise, expectEqual } from '../expect.ts'
import { RUN_ID } from '../bench.ts'
import { conformanceAgent } from '../agents.ts'
import { visibleText } from '../visible-text.ts'
import type { CaseDefinition } from './case.ts'

export const streams: readonly CaseDefinition[] = [
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
