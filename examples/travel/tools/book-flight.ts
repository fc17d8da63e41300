import { type Tool, tool } from 'holdfast'
import { z } from 'zod'
import { withBookings } from './bookings.ts'
import type { OnStep } from './on-step.ts'
import { checkOffer, type Schedule } from './schedule.ts'

export interface BookFlightOptions {
  readonly schedule: Schedule
  readonly bookingsPath: string
  readonly onStep?: OnStep | undefined
}

/** Above it a person is asked. */
export const APPROVAL_ABOVE = 500

/** A tool that must not run twice. What became of it after a crash, the booking system is asked. */
export function bookFlight({ schedule, bookingsPath, onStep }: BookFlightOptions): Tool {
  return tool({
    name: 'bookFlight',
    description: 'Book a seat on a flight that searchFlights found, for the price that it gave.',
    input: z.object({
      flight: z.string(),
      date: z.iso.date(),
      passenger: z.string().min(1),
      price: z.number().positive(),
    }),
    effect: 'once',
    approval: ({ price }) => price > APPROVAL_ABOVE,
    execute: async (request, { idempotencyKey, stepId }) => {
      // A price that the model made up to stay below the limit is refused here.
      checkOffer(schedule, request)
      return withBookings(bookingsPath, async (system) => {
        const booking = system.book(idempotencyKey, request)
        await onStep?.({ tool: 'bookFlight', stepId, note: `${booking.reference} is booked, and not yet recorded` })
        return booking
      })
    },
    reconcile: (_, { idempotencyKey }) =>
      withBookings(bookingsPath, (system) => {
        const booking = system.find(idempotencyKey)
        return booking ? { status: 'done', output: booking } : { status: 'not-done' }
      }),
  })
}
