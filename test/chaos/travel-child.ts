/**
 * A process that runs the travel agent on a journal, or takes its run up, and tells its parent of each point that it comes
 * to. With `HOLD` it waits there for leave to go on: a parent that kills it instead kills it at that point exactly.
 */
import { join } from 'node:path'
import { sqliteDurabilityPlugin } from 'holdfast/sqlite'
import { chooseModel } from '../../examples/travel/choose-model.ts'
import { createTravelAgent } from '../../examples/travel/agent.ts'
import { crashPoints, pointName } from '../../src/testing/crash-points.ts'

const { DIR = '', RUN = '', MODEL_URL, PROMPT = '', HOLD } = process.env

let next = 0
const leaves = new Map<number, () => void>()
process.on('message', ({ go }: { readonly go: number }) => leaves.get(go)?.())
process.on('disconnect', () => process.exit(1))

const points = crashPoints({
  reach: (point) =>
    new Promise((resolve) => {
      if (!HOLD) return resolve()
      const id = next++
      leaves.set(id, resolve)
      process.send?.({ type: 'point', id, name: pointName(point) })
    }),
  note: (fact) => void process.send?.({ ...fact, type: 'fact', what: fact.type }),
  pass: () => Promise.resolve(),
})

const agent = createTravelAgent({
  model: await chooseModel(undefined, MODEL_URL),
  dataDir: join(import.meta.dirname, '../../examples/travel/data'),
  bookingsPath: join(DIR, 'bookings.db'),
})
const sqlite = sqliteDurabilityPlugin({ path: join(DIR, 'runs.db') })
const { durability } = sqlite
agent.use({
  ...sqlite,
  ...(durability?.streams && { durability: { ...durability, streams: points.watch(durability.streams) } }),
})
for (const plugin of points.plugins) agent.use(plugin)
agent.use({
  name: 'reporter',
  // A wait that was opened by a process that is dead is still open.
  observeReplay: true,
  observe: (event) => {
    if (event.type === 'wait-opened') process.send?.({ type: 'wait', waitId: event.waitId })
  },
})

const { status, text, messages, turns, usage } = await agent.run(PROMPT, { runId: RUN, onWait: 'block' })
process.send?.({ type: 'result', result: { status, text, messages, turns, usage } }, () => process.exit(0))
