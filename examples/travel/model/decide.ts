/**
 * The example's model: a small travel agent by rules. It has nothing but the conversation: it reads what the user asked
 * for and what the tools answered, and says what comes next. The same conversation always gets the same reply.
 */
import type { ChatMessage, Reply } from './chat.ts'
import type { PastCall } from './conversation.ts'
import { pastCalls } from './conversation.ts'
import type { Trip } from './parse-trip.ts'
import { parseTrip } from './parse-trip.ts'

interface Offer {
  readonly flight: string
  readonly airline: string
  readonly from: string
  readonly to: string
  readonly departs: string
  readonly arrives: string
  readonly arrivesDay: number
  readonly minutes: number
  readonly stops: number
  readonly price: number
}

type Wanted = Trip & { readonly from: string; readonly to: string; readonly date: string }

export function decide(messages: readonly ChatMessage[]): Reply {
  const trip = parseTrip(messages)
  const { from, to, date } = trip
  if (!from || !to) return say('Where do you want to fly from, and where to?')
  if (!date) return say(`On which day do you want to fly from ${from} to ${to}?`)
  const wanted: Wanted = { ...trip, from, to, date }
  const past = pastCalls(messages)
  return findPlaces(wanted, past)
}

function findPlaces(trip: Wanted, past: readonly PastCall[]): Reply {
  const places = [trip.from, trip.to]
  const lookups = places.map((place) =>
    past.find(({ name, input }) => name === 'listAirports' && input['query'] === place),
  )
  const missing = places.filter((_, index) => !lookups[index])
  if (missing.length > 0)
    return call(
      'Let me look up the airports.',
      missing.map((query) => ({ name: 'listAirports', input: { query } })),
    )
  const codes = lookups.map((lookup) => airportCodes(lookup))
  for (const [index, found] of codes.entries()) {
    if (found.length === 0) return say(`I don't know an airport called ${places[index]}.`)
  }
  return searchAll(trip, past, codes as [string[], string[]])
}

function searchAll(trip: Wanted, past: readonly PastCall[], [froms, tos]: [string[], string[]]): Reply {
  const pairs = froms.flatMap((from) => tos.map((to) => ({ from, to }))).slice(0, 4)
  const queries = pairs.map((pair) => ({ ...pair, date: trip.date, ...(trip.maxPrice && { maxPrice: trip.maxPrice }) }))
  const searches = queries.map((query) =>
    past.find((known) => known.name === 'searchFlights' && sameInput(known.input, query)),
  )
  if (searches.some((search) => !search)) {
    const weather = { name: 'checkWeather', input: { airport: tos[0], date: trip.date } }
    const isChecked = past.some(({ name, input }) => name === 'checkWeather' && sameInput(input, weather.input))
    const search = queries.filter((_, index) => !searches[index]).map((input) => ({ name: 'searchFlights', input }))
    return call('Now the flights, and the weather there.', [...search, ...(isChecked ? [] : [weather])])
  }
  const failed = searches.find((search) => !search?.result.json)
  if (failed) return say(`The search did not work: ${failed.result.text}`)
  const offers = searches.flatMap((search) => (search?.result.json?.['flights'] ?? []) as Offer[]).sort(orderOf(trip))
  return offers.length > 0 ? bookOrTell(trip, past, offers) : lookWithoutLimit(trip, past, pairs)
}

/** Nothing fits: see what there is at any price, to have something to say. */
function lookWithoutLimit(
  trip: Wanted,
  past: readonly PastCall[],
  pairs: readonly { from: string; to: string }[],
): Reply {
  const nothing = `There is no flight from ${trip.from} to ${trip.to} on ${trip.date}`
  if (!trip.maxPrice) return say(`${nothing}.`)
  const queries = pairs.map((pair) => ({ ...pair, date: trip.date }))
  const searches = queries.map((query) =>
    past.find((known) => known.name === 'searchFlights' && sameInput(known.input, query)),
  )
  if (searches.some((search) => !search)) {
    return call(
      'Nothing for that price. Let me see what there is at all.',
      queries.map((input) => ({ name: 'searchFlights', input })),
    )
  }
  const [best] = searches.flatMap((search) => (search?.result.json?.['flights'] ?? []) as Offer[]).sort(orderOf({}))
  if (!best) return say(`${nothing}, at any price.`)
  return say(`${nothing} for at most ${trip.maxPrice} EUR. The cheapest is ${tell(best)}. I have not booked it.`)
}

function bookOrTell(trip: Wanted, past: readonly PastCall[], offers: readonly Offer[]): Reply {
  if (!trip.book) return say(`I found ${offers.map(tell).join('; ')}.`)
  const bookings = past.filter(({ name, input }) => name === 'bookFlight' && input['date'] === trip.date)
  const done = bookings.find(
    ({ result, input }) => result.json?.['reference'] && offers.some(({ flight }) => flight === input['flight']),
  )
  if (done) return say(report(done, offers, past))
  const tries = bookings.filter(({ isRecent }) => isRecent)
  const last = tries.at(-1)
  // Another flight only where the airline itself said that this one can't be had: never after a refusal or in doubt.
  if (last && !/sold out|does not fly|the price of/i.test(last.result.text)) {
    return say(
      `I have not booked ${last.input['flight']}: ${last.result.text.replace(/\.?$/, '.')} Nothing else was tried.`,
    )
  }
  const next = offers.find(({ flight }) => !tries.some(({ input }) => input['flight'] === flight))
  if (!next || tries.length >= 3) return say('None of the flights that fit could be booked.')
  const input = { flight: next.flight, date: trip.date, passenger: trip.passenger ?? 'Guest', price: next.price }
  return call(`${next.flight} for ${next.price} EUR fits best.`, [{ name: 'bookFlight', input }])
}

function report(booking: PastCall, offers: readonly Offer[], past: readonly PastCall[]): string {
  const offer = offers.find(({ flight }) => flight === booking.input['flight'])
  const reference = `Booked: ${offer ? tell(offer) : booking.input['flight']}. Your reference is ${booking.result.json?.['reference']}.`
  const weather = past.findLast(({ name, result }) => name === 'checkWeather' && result.json)?.result.json
  if (!weather) return reference
  return `${reference} Expect ${weather['low']} to ${weather['high']} °C and take ${weather['pack']}.`
}

function tell({ flight, airline, from, to, departs, arrives, arrivesDay, stops, price }: Offer): string {
  const day = arrivesDay === 0 ? '' : ` (+${arrivesDay})`
  return `${flight} of ${airline}, ${from} ${departs} to ${to} ${arrives}${day}, ${stops === 0 ? 'non-stop' : '1 stop'}, ${price} EUR`
}

function orderOf({ sort }: Trip): (a: Offer, b: Offer) => number {
  if (sort === 'duration') return (a, b) => a.minutes - b.minutes || a.price - b.price
  if (sort === 'departure') return (a, b) => a.departs.localeCompare(b.departs) || a.price - b.price
  return (a, b) => a.price - b.price || a.minutes - b.minutes
}

function airportCodes(lookup: PastCall | undefined): string[] {
  return ((lookup?.result.json?.['airports'] ?? []) as { code: string }[]).map(({ code }) => code)
}

function sameInput(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

function say(text: string): Reply {
  return { text, calls: [] }
}

function call(text: string, calls: Reply['calls']): Reply {
  return { text, calls }
}
