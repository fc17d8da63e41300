/** Runs until the model is asked for the last reply, and kills its own process there: a journal full of finished steps. */
import { journalAgent } from './agent.ts'

const [path = '', turns = ''] = process.argv.slice(2)
const last = Number(turns)
const onModelCall = (turn: number): void => {
  if (turn === last) process.kill(process.pid, 'SIGKILL')
}
await journalAgent({ path, turns: last, onModelCall }).run('go', { runId: 'run' })
