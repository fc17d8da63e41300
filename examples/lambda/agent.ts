/** The agent: nothing in it knows of Lambda. Its handler and whoever starts its runs import it from here. */
import { Agent, tool } from 'holdfast'
import { call, scriptedModel, text } from 'holdfast/testing'
import { z } from 'zod'

const searchFlights = tool({
  name: 'searchFlights',
  description: 'Find flights',
  input: z.object({ to: z.string() }),
  retry: { maxAttempts: 3 },
  execute: async ({ to }, { signal }) => {
    console.log(`(process ${process.pid} looks for flights to ${to})`)
    await new Promise((resolve) => setTimeout(resolve, 1_000))
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
    console.log(`(process ${process.pid} books ${flight}, under the key ${idempotencyKey})`)
    return { bookingId: `${flight}-1` }
  },
})

export const travel = new Agent({
  name: 'travel',
  // Put any AI SDK model here: bedrock('…'), anthropic('…'), openai('…'). This is a script of what one would say.
  model: scriptedModel([
    call('searchFlights', { to: 'NRT' }),
    call('bookFlight', { flight: 'JL44', price: 900 }),
    text('You fly to Tokyo with JL44. Your booking is JL44-1.'),
  ]),
  instructions: 'You book trips.',
  tools: [searchFlights, bookFlight],
})
