import { type Tool, tool } from 'holdfast'
import { z } from 'zod'
import { type Schedule, searchSchedule } from './schedule.ts'

const MOST = 5

export function searchFlights(schedule: Schedule): Tool {
  const airport = z.string().regex(/^[A-Z]{3}$/)
  return tool({
    name: 'searchFlights',
    description: `Flights of one day with seats left. Prices in ${schedule.season.currency}; times are local.`,
    input: z.object({
      from: airport,
      to: airport,
      date: z.iso.date(),
      maxPrice: z.number().positive().optional(),
      sort: z.enum(['price', 'departure', 'duration']).optional(),
    }),
    execute: (query) => {
      const flights = searchSchedule(schedule, query)
      return { found: flights.length, flights: flights.slice(0, MOST).map(({ days: _, ...flight }) => flight) }
    },
  })
}
