/** Holds what really happened against what should have. */
import type { WorkerMessage } from './messages.ts'
import { paint } from './narrate.ts'
import { withBookings } from './tools/bookings.ts'

export interface Evidence {
  readonly bookingsPath: string
  readonly result: Extract<WorkerMessage, { type: 'result' }>
  /** Ids of steps that finished by being run, over all workers. */
  readonly finished: readonly string[]
  /** How many bookings there should be, where that is known beforehand. */
  readonly expected: number | undefined
  /** Requests that the example's model server had. */
  readonly requests: number
}

/** Prints each fact with what it was read from; gives the exit code. */
export async function prove({ bookingsPath, result, finished, expected, requests }: Evidence): Promise<number> {
  const { bookings, attempts } = await withBookings(bookingsPath, (system) => ({
    bookings: system.bookings(),
    attempts: system.attempts(),
  }))
  const wanted = expected ?? result.booked.length
  const again = finished.filter((stepId, index) => finished.indexOf(stepId) !== index)
  const facts = [
    check(result.status === 'completed', `the run is ${result.status}`, 'completed'),
    check(bookings.length === wanted, `${count(bookings.length, 'booking')} in the airline's database`, `${wanted}`),
    check(attempts === wanted, `${count(attempts, 'time')} the airline was asked to book`, `${wanted}`),
    check(
      bookings.map(({ reference }) => reference).join() === result.booked.join(),
      `the run knows ${result.booked.join(', ') || 'no booking'}`,
      bookings.map(({ reference }) => reference).join(', ') || 'none',
    ),
    check(
      again.length === 0,
      `${finished.length} steps ran, ${again.length} of them again after they had finished`,
      '0',
    ),
  ]
  // Requests to a real provider are not seen here.
  if (requests > 0)
    facts.push(check(requests === result.turns, `${requests} model calls for ${result.turns} turns`, 'as many'))
  return facts.every(Boolean) ? 0 : 1
}

function check(isRight: boolean, fact: string, expected: string): boolean {
  console.log(isRight ? `${paint('green', '✓')} ${fact}` : paint('red', `✗ ${fact}; expected ${expected}`))
  return isRight
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
