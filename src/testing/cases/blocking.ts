/** Clause: a run may stay while it waits, and hooks may ask. */
import type { Bench } from '../bench.ts'
import { expectEqual, expectError } from '../expect.ts'
import { sleep } from '../life.ts'
import { withInput } from '../../step-wrap.ts'
import type { AgentPlugin } from '../../plugin.ts'
import type { CaseDefinition } from './case.ts'
import { CLOSE, expectWaits, PAY, SEND, YES } from './waits.ts'

export const blocking: readonly CaseDefinition[] = [
  {
    name: 'waits: blocking',
    clause: "With onWait 'block' the run stays, and goes on when the answer is there.",
    requires: ['waits'],
    async run(bench) {
      const process = await bench.start('approvals')
      const running = process.run('go', { onWait: 'block' })
      for (const id of [PAY, SEND, CLOSE]) await respondWhenOpen(bench, id, running)
      expectEqual((await running).text, 'paid 1, looked, sent to Ann', 'the text of the run')
      await process.stop()
    },
  },
  {
    name: 'waits: interrupt',
    clause: 'What a hook asks for is answered like an approval, checked against its schema, and given to the hook.',
    requires: ['waits'],
    inProcess: true,
    async run(bench) {
      const asking: AgentPlugin = {
        name: 'asking',
        hooks: {
          async BeforeToolCall(event) {
            if (event.step.name !== 'join') return
            const schema = { type: 'object', properties: { word: { type: 'string' } }, required: ['word'] }
            const answer = (await event.interrupt({ name: 'word', data: { for: 'join' }, schema })) as { word: string }
            event.run.state = { word: answer.word }
            event.step = withInput(event.step, { left: answer.word } as never)
          },
        },
      }
      const id = '2/tool/0/join/wait/asking/word'
      expectWaits(await bench.run('pair', { plugins: [asking] }), [id], 'at first')
      await expectError(bench.respond(id, { word: 5 }), ['ANSWER_INVALID'], 'an answer that does not fit the schema')
      await bench.respond(id, { word: 'LEFT' })
      const result = await bench.run('pair', { plugins: [asking] })
      expectEqual(result.text, 'left-done and right-done make LEFT+right-done', 'the text of the run')
      expectEqual(result.state.plugins['asking'], { word: 'LEFT' }, "the plugin's JSON")
    },
  },
]

async function respondWhenOpen(bench: Bench, id: string, running: Promise<unknown>): Promise<void> {
  let over = false
  running.then(
    () => {
      over = true
    },
    () => {
      over = true
    },
  )
  for (;;) {
    try {
      return await bench.respond(id, YES)
    } catch (error) {
      if (over) throw error
      await sleep(5)
    }
  }
}
