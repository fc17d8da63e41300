/** One life of a run on SQLite, in a process that is killed where its parent wants it. */
import { appendFileSync, readFileSync } from 'node:fs'
import { sqliteDurabilityPlugin } from 'holdfast/sqlite'
import { conformanceAgent, createWorld, DRILL_RUN_ID, serveDrill } from 'holdfast/testing'

const { JOURNAL = '', EFFECTS = '', [DRILL_RUN_ID]: runId = '' } = process.env

const world = createWorld({
  append: async (list, line) => appendFileSync(`${EFFECTS}.${list}`, `${line}\n`),
  lines: async (list) => read(`${EFFECTS}.${list}`).split('\n').filter(Boolean),
})

const plugin = sqliteDurabilityPlugin({ path: JOURNAL, durability: 'process' })
await serveDrill({ agent: conformanceAgent('approvals', world), plugin, input: 'go' }, process, runId)
process.disconnect()

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
