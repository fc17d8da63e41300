import { type Tool, tool } from 'holdfast'
import { z } from 'zod'
import { findAirports, type Schedule } from './schedule.ts'

/** The plainest kind: it reads, and may run as often as it likes. */
export function listAirports(schedule: Schedule): Tool {
  return tool({
    name: 'listAirports',
    description: 'Airports whose code, city, name or country has all words of the query.',
    input: z.object({ query: z.string().min(2) }),
    execute: ({ query }) => ({ airports: findAirports(schedule, query) }),
  })
}
