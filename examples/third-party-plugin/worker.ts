/** A worker process: takes runs from the database in OPENWORKFLOW_DB. What its tools do, it tells its parent first. */
import { once } from 'node:events'
import { appendFile } from 'node:fs/promises'
import { OpenWorkflow } from 'openworkflow'
import { refundAgent } from './agent.ts'
import { connectBackend } from './backend.ts'
import { agentWorkflow } from './openworkflow-plugin.ts'

const { OPENWORKFLOW_DB = 'openworkflow.db', EFFECTS = 'effects.log' } = process.env

process.on('disconnect', () => process.exit())

const agent = refundAgent(async (tool, key) => {
  process.send?.(tool)
  if (process.send) await once(process, 'message')
  await appendFile(EFFECTS, `${tool} ${key}\n`)
})
const backend = connectBackend(OPENWORKFLOW_DB)
const { spec, fn } = agentWorkflow(agent, backend)
const client = new OpenWorkflow({ backend })
client.implementWorkflow(spec, fn)
await client.newWorker({ concurrency: 4 }).start()
