/** The agent: nothing in it knows of Dapr. Its worker and whoever starts its runs import it from here. */
import { Agent, tool } from 'holdfast'
import { call, scriptedModel, text } from 'holdfast/testing'
import { z } from 'zod'
import { loadModel } from '../travel/choose-model.ts'

const searchFlights = tool({
  name: 'searchFlights',
  description: 'Find flights',
  input: z.object({ to: z.string() }),
  retry: { maxAttempts: 3 },
  execute: async ({ to }, { attempt, signal }) => {
    console.log(`(worker ${process.pid} looks for flights to ${to}, attempt ${attempt})`)
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    signal.throwIfAborted()
    return [{ flight: 'JL44', price: 900 }]
  },
})

const bookFlight = tool({
  name: 'bookFlight',
  description: 'Book a flight',
  input: z.object({ flight: z.string(), price: z.number() }),
  approval: ({ price }) => price > 500,
  effect: 'once',
  execute: ({ flight }, { idempotencyKey }) => {
    console.log(`(worker ${process.pid} books ${flight}, under the key ${idempotencyKey})`)
    return { bookingId: `${flight}-1` }
  },
})

// Any AI SDK model: openai('gpt-5'), anthropic('claude-sonnet-4-5'), … Without one, a script of what it says.
const spec = process.env['HOLDFAST_MODEL']
const model = spec
  ? await loadModel(spec)
  : scriptedModel([
      call('searchFlights', { to: 'NRT' }),
      call('bookFlight', { flight: 'JL44', price: 900 }),
      text('You fly to Tokyo with JL44. Your booking is JL44-1.'),
    ])

export const travel = new Agent({
  name: 'travel',
  model,
  instructions: 'You book trips.',
  tools: [searchFlights, bookFlight],
})
