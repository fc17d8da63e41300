/** Says what the run does, a line a step: what ran now, and what the journal already had. */
import { styleText } from 'node:util'
import type { AgentEvent, AgentPlugin, Json, ModelOutput, WaitOutput } from 'holdfast'

type Format = Parameters<typeof styleText>[0]

const STEP_WIDTH = 31
const TEXT_WIDTH = 56

const OWN_TASKS: { readonly [name: string]: string } = {
  'holdfast.started': 'noted before it starts: it must not run twice',
  'holdfast.reconcile': 'the airline was asked what became of it',
}

/** Coloured in a terminal, plain elsewhere. */
export function paint(format: Format, text: string): string {
  return styleText(format, text, { stream: process.stdout })
}

export function formatLine(format: Format, mark: string, step: string, text = ''): string {
  const line = text.replace(/\s+/g, ' ')
  const short = line.length > TEXT_WIDTH ? `${line.slice(0, TEXT_WIDTH - 1)}…` : line
  return `  ${paint(format, mark.padEnd(10))} ${step.padEnd(STEP_WIDTH)} ${paint('dim', short)}`.trimEnd()
}

/** A plugin that looks on: events tell what happens and in which phase, middleware sees what a step gives. */
export function narrator(print: (line: string) => void): AgentPlugin {
  const outputs = new Map<string, string>()
  let replayed: string[] = []
  /** A line a turn; what is replayed beside a step that runs comes a little after that has started. */
  const printReplayed = (before = Number.POSITIVE_INFINITY): void => {
    const due = Map.groupBy(replayed, (stepId) => turnOf(stepId) < before)
    const turns = Map.groupBy(due.get(true) ?? [], turnOf)
    for (const steps of turns.values()) print(paint('dim', `  ○ journal  ${steps.join(', ')}`))
    replayed = due.get(false) ?? []
  }
  return {
    name: 'narrator',
    observeReplay: true,
    middleware: {
      async model(request, next) {
        const output = await next(request)
        outputs.set(request.stepId, describeReply(output))
        return output
      },
      async tool(request, next) {
        const output = await next(request)
        outputs.set(request.stepId, describeOutput(output))
        return output
      },
    },
    observe(event) {
      if (isHidden(event)) return
      if (event.phase === 'replay') {
        if (event.type === 'step-finished') replayed.push(event.step.id)
        if (event.type === 'wait-settled') replayed.push(event.waitId)
        return
      }
      printReplayed(event.type === 'step-started' ? turnOf(event.step.id) : undefined)
      if (event.type === 'wait-opened') print(formatLine('yellow', '? waits', event.waitId, 'a person is asked'))
      if (event.type === 'wait-settled')
        print(formatLine('green', '✓ answered', event.waitId, describeAnswer(event.output)))
      if (event.type === 'step-finished') print(describeFinished(event, outputs))
    },
  }
}

function describeFinished(
  { step, error }: AgentEvent & { type: 'step-finished' },
  outputs: Map<string, string>,
): string {
  const { id, name } = step
  if (!error) return formatLine('green', '● ran', id, OWN_TASKS[name] ?? outputs.get(id))
  if (error.code !== 'OUTCOME_UNKNOWN') return formatLine('red', '● failed', id, error.message)
  return formatLine('yellow', '! unknown', id, 'it was running when the process died: not run again')
}

/** The run itself, and that it was written down at its start. */
function isHidden(event: AgentEvent): boolean {
  if (event.type !== 'step-started' && event.type !== 'step-finished') return false
  return event.step.kind === 'agent' || event.step.name === 'holdfast.start'
}

/** Step ids begin with the turn: `3/tool/0/bookFlight`. */
function turnOf(stepId: string): number {
  return Number.parseInt(stepId, 10)
}

function describeAnswer(output: WaitOutput): string {
  if ('timedOut' in output) return 'nobody answered in time'
  return (output.answer as { readonly approved?: boolean }).approved ? 'approved' : 'refused'
}

function describeReply({ message, calls }: ModelOutput): string {
  const text = message.content.map((part) => (part.type === 'text' ? part.text : '')).join('')
  const names = calls.map(({ toolName }) => toolName).join(', ')
  return `${text}${names && ` → ${names}`}`.trim()
}

function describeOutput(output: Json): string {
  const { airports, flights, low, high, reference } = output as { readonly [name: string]: Json | undefined }
  if (Array.isArray(airports)) return airports.map((airport) => (airport as { code: string }).code).join(', ') || 'none'
  if (Array.isArray(flights)) return flights.map(describeFlight).join(', ') || 'none'
  if (reference) return String(reference)
  return low === undefined ? JSON.stringify(output) : `${low} to ${high} °C`
}

function describeFlight(flight: Json): string {
  const { flight: number, price } = flight as { readonly flight: string; readonly price: number }
  return `${number} for ${price} EUR`
}
