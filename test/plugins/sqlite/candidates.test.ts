/** Which runs of a journal are to be taken up. */
import { sqliteDurabilityPlugin, sqliteRuns } from 'holdfast/sqlite'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { Candidates } from '../../../src/plugins/sqlite/candidates.ts'
import { useJournal } from '../../../src/plugins/sqlite/use-journal.ts'
import { agentOf, call, text, toolOf } from '../../support/kit.ts'
it('an answer is used up: a run that waits for the next one is not found', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'hf-')), 'runs.db')
  const agent = agentOf([call('pay'), call('pay'), text('done')], {
    tools: [toolOf('pay', { approval: true })],
    use: [sqliteDurabilityPlugin({ path })],
  })
  const runs = sqliteRuns({ path })
  const use = useJournal(path)
  await agent.run('go', { runId: 'r' })
  await runs.get('r').respond('1/tool/0/pay/approval', { approved: true })
  expect(new Candidates(use.get()).find().length).toBe(1)
  await agent.run('go', { runId: 'r' })
  expect(new Candidates(use.get()).find()).toEqual([])
})
it('what has ended is forgotten', () => {
  const c = new Candidates({ strict: { all: () => [] }, live: new Map() } as never)
  c.failed('r')
  c.find()
  expect(c.mayHaveMore()).toBe(false)
})
