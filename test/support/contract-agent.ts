/**
 * A small travel agent that has all that the contract is about: parallel tools, a retry wrapper around each of them, an
 * approval, a sub-agent, a `once` tool. Its model reads the conversation; its effects go to the file that it is told.
 */
import { appendFileSync } from 'node:fs'
import { Agent, agentTool, tool, wrapStep } from 'holdfast'
import { readerModel } from './reader-model.ts'

export interface ContractAgentOptions {
  /** Each real execution of a tool adds a line to it. */
  readonly effects: string
}

export function createContractAgent({ effects }: ContractAgentOptions): Agent {
  const did = (what: string): void => appendFileSync(effects, `${what}\n`)
  const weather = new Agent({
    name: 'weather',
    model: readerModel([
      [{ tool: 'forecast', input: { city: 'Tokyo' } }],
      (results) => `In Tokyo it is ${results['forecast']}.`,
    ]),
    tools: [
      tool({
        name: 'forecast',
        input: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        execute: (_, { idempotencyKey }) => {
          did(`forecast ${idempotencyKey}`)
          return 'sunny'
        },
      }),
    ],
  })
  const agent = new Agent({
    name: 'travel',
    instructions: 'You book trips.',
    model: readerModel([
      [
        { tool: 'searchFlights', input: { to: 'NRT' } },
        { tool: 'searchHotels', input: { city: 'Tokyo' } },
        { tool: 'weather', input: { prompt: 'How is Tokyo?' } },
      ],
      (results) => [{ tool: 'bookFlight', input: { flight: String(results['searchFlights']), price: 900 } }],
      (results) => `Booked ${results['bookFlight']}; ${results['searchHotels']}; ${results['weather']}`,
    ]),
    tools: [
      tool({
        name: 'searchFlights',
        input: { type: 'object', properties: { to: { type: 'string' } }, required: ['to'] },
        execute: async (_, { idempotencyKey }) => {
          did(`searchFlights ${idempotencyKey}`)
          return 'JL44'
        },
      }),
      tool({
        name: 'searchHotels',
        input: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
        execute: async (_, { execution, idempotencyKey }) => {
          did(`searchHotels ${idempotencyKey} #${execution}`)
          if (execution === 1) throw new Error('the hotel service is busy')
          return 'Hotel Okura'
        },
      }),
      agentTool(weather),
      tool({
        name: 'bookFlight',
        input: {
          type: 'object',
          properties: { flight: { type: 'string' }, price: { type: 'number' } },
          required: ['flight'],
        },
        effect: 'once',
        approval: (input) => (input as { price: number }).price > 500,
        execute: (input, { idempotencyKey }) => {
          did(`bookFlight ${idempotencyKey}`)
          return `${(input as { flight: string }).flight}-1`
        },
      }),
    ],
  })
  // A retry wrapper in the loop: each of its tries is an execution of its own.
  agent.on('BeforeToolCall', (event) => {
    event.step = wrapStep(event.step, async (run) => {
      try {
        return await run()
      } catch {
        return run()
      }
    })
  })
  agent.on('AfterToolCall', ({ run }) => {
    run.state = { tools: (run.state?.tools ?? 0) + 1 }
  })
  return agent
}
