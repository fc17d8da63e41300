/** One trip, three processes: killed in the middle of a tool and in the middle of the booking, and it is one booking. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import type { WaitInput } from 'holdfast'
import { sqliteRuns } from 'holdfast/sqlite'
import { chooseModel, describeModel } from './choose-model.ts'
import type { WorkerMessage } from './messages.ts'
import { startModelServer } from './model-server.ts'
import { formatLine, paint } from './narrate.ts'
import { prove } from './prove.ts'
import { endWorkers, superviseWorker } from './supervise.ts'

const ASK =
  'Book me the cheapest flight from London Heathrow to Tokyo Narita on 3 May 2027, at most 700 EUR, for Ada Lovelace.'
const HELP = `npm run demo -- [--yes] [--ask "…"] [--keep] [--dir folder]

  --yes         approve the booking without asking (also what happens where there is no terminal to ask in)
  --ask         what to ask the agent for
  --keep        keep the temporary folder with the journal and the airline's database
  --dir         put them into this folder, and keep them

  HOLDFAST_MODEL=anthropic:claude-sonnet-4-5, openai:gpt-5, …: a real model in place of the example's own
`
const RUN_ID = 'trip-1'

const { values } = parseArgs({
  options: {
    yes: { type: 'boolean', default: false },
    ask: { type: 'string', default: ASK },
    keep: { type: 'boolean', default: false },
    dir: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

if (values.help) console.log(HELP)
else process.exitCode = await demo()

async function demo(): Promise<number> {
  const dir = makeFolder(values.dir)
  const server = await startModelServer()
  try {
    await chooseModel(process.env['HOLDFAST_MODEL'], server.url)
    return await tellTheTrip(dir, server)
  } catch (error) {
    console.error(paint('red', `\nThe demo failed: ${(error as Error).message}`))
    return 1
  } finally {
    await endWorkers()
    await server.close()
    if (values.keep || values.dir) console.log(`\nKept: ${dir}`)
    else rmSync(dir, { recursive: true, force: true })
  }
}

async function tellTheTrip(dir: string, server: { readonly url: string; readonly requests: number }): Promise<number> {
  console.log(paint('bold', `“${values.ask}”`))
  console.log(
    paint('dim', `model    ${describeModel(process.env['HOLDFAST_MODEL'])}\njournal  ${join(dir, 'runs.db')}`),
  )
  const killIn = new Set(['checkWeather', 'bookFlight'])
  const finished: string[] = []
  const answered = new Set<string>()
  let isRefused = false
  for (let number = 1; ; number++) {
    const what = number === 1 ? 'starts the run' : 'the same run, no new prompt'
    const end = await superviseWorker({
      args: ['--dir', dir, '--run', RUN_ID, '--model-url', server.url, ...(number === 1 ? [values.ask] : [])],
      killIn,
      onStart: (pid) => console.log(`\n${paint('bold', `Worker ${number}`)}, process ${pid}: ${what}`),
      async onMessage(message) {
        if (message.type === 'step' && message.event === 'finished' && message.phase === 'live')
          finished.push(message.stepId)
        if (message.type !== 'wait' || answered.has(message.waitId)) return
        answered.add(message.waitId)
        isRefused = !(await answer(dir, message))
      },
    })
    if (end.type === 'killed') {
      killIn.delete(end.middle.tool)
      console.log(formatLine('red', '✕ SIGKILL', end.middle.stepId, `in its middle: ${end.middle.note}`))
      continue
    }
    console.log(`\n${paint('bold', end.result.text)}\n`)
    const expected = values.ask === ASK ? (isRefused ? 0 : 1) : undefined
    return prove({
      bookingsPath: join(dir, 'bookings.db'),
      result: end.result,
      finished,
      expected,
      requests: server.requests,
    })
  }
}

/** Asks whoever runs the demo, and records the answer from this process: the worker waits in the other one. */
async function answer(dir: string, { waitId, input }: Extract<WorkerMessage, { type: 'wait' }>): Promise<boolean> {
  const approved = await isApproved(input)
  const said = approved ? { approved } : { approved, reason: 'The traveller does not want it.' }
  const runs = sqliteRuns({ path: join(dir, 'runs.db') })
  await runs.get(RUN_ID).respond(waitId, said)
  await runs.close()
  return approved
}

async function isApproved(input: WaitInput): Promise<boolean> {
  if (input.type !== 'approval') throw new Error(`the demo has no answer to a wait of type ${input.type}`)
  const { flight, date, passenger, price } = input.input as { readonly [name: string]: string | number }
  const question = `    Book ${flight} on ${date} for ${passenger}, ${price} EUR? [y/n] `
  if (values.yes || !process.stdin.isTTY) {
    console.log(
      `${question}${paint('yellow', 'y')} ${paint('dim', values.yes ? '(--yes)' : '(no terminal to ask in: as with --yes)')}`,
    )
    return true
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    for (;;) {
      const typed = (await terminal.question(question)).trim().toLowerCase()
      if (/^y(es)?$/.test(typed)) return true
      if (/^no?$/.test(typed)) return false
    }
  } finally {
    terminal.close()
  }
}

function makeFolder(named: string | undefined): string {
  if (!named) return mkdtempSync(join(tmpdir(), 'holdfast-demo-'))
  if (existsSync(join(named, 'runs.db'))) {
    console.error(`${named} has the journal of another demo: take another folder, or delete it.`)
    process.exit(1)
  }
  mkdirSync(named, { recursive: true })
  return named
}
