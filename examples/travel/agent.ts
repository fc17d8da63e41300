import { Agent, type AnyLanguageModel } from 'holdfast'
import { bookFlight } from './tools/book-flight.ts'
import { checkWeather } from './tools/check-weather.ts'
import { listAirports } from './tools/list-airports.ts'
import type { OnStep } from './tools/on-step.ts'
import { loadSchedule } from './tools/schedule.ts'
import { searchFlights } from './tools/search-flights.ts'

export interface TravelAgentOptions {
  readonly model: AnyLanguageModel
  /** The folder with the schedule. */
  readonly dataDir: string
  /** The airline's database. */
  readonly bookingsPath: string
  /** Called, and awaited, from the middle of a tool. */
  readonly onStep?: OnStep | undefined
}

export function createTravelAgent({ model, dataDir, bookingsPath, onStep }: TravelAgentOptions): Agent {
  const schedule = loadSchedule(dataDir)
  const { year, currency } = schedule.season
  return new Agent({
    name: 'travel',
    model,
    instructions: [
      `You book flights. Dates without a year are in ${year}; prices are in ${currency}.`,
      'Look up both airports first, in one turn. Then search for flights and check the weather at the destination, in one turn.',
      'Book the cheapest flight that fits, once, with its exact price. If the booking is refused, do not book anything else.',
      'End with the reference, the times and the weather, in two sentences.',
    ].join('\n'),
    tools: [
      listAirports(schedule),
      searchFlights(schedule),
      checkWeather({ dataDir, onStep }),
      bookFlight({ schedule, bookingsPath, onStep }),
    ],
    limits: { turns: 12 },
  })
}
