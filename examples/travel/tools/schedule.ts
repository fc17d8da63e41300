/** The airline schedule that ships with the example: `data/*.csv`, read once. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readCsv } from './csv.ts'

export interface Airport {
  readonly code: string
  readonly city: string
  readonly name: string
  readonly country: string
}

export interface Flight {
  readonly flight: string
  readonly airline: string
  readonly from: string
  readonly to: string
  /** Local times, `HH:MM`; it arrives `arrivesDay` days after it departs. */
  readonly departs: string
  readonly arrives: string
  readonly arrivesDay: number
  readonly minutes: number
  readonly stops: number
  readonly price: number
  readonly seats: number
  /** ISO weekdays on which it flies: `135` is Monday, Wednesday, Friday. */
  readonly days: string
}

export interface Schedule {
  readonly season: { readonly from: string; readonly to: string; readonly year: number; readonly currency: string }
  readonly airports: readonly Airport[]
  readonly flights: readonly Flight[]
}

export interface FlightQuery {
  readonly from: string
  readonly to: string
  /** `YYYY-MM-DD`. */
  readonly date: string
  readonly maxPrice?: number | undefined
  readonly sort?: 'price' | 'departure' | 'duration' | undefined
}

export function loadSchedule(dataDir: string): Schedule {
  return {
    season: JSON.parse(readFileSync(join(dataDir, 'season.json'), 'utf8')) as Schedule['season'],
    airports: readCsv(dataDir, 'airports.csv').map(({ code = '', city = '', name = '', country = '' }) => ({
      code,
      city,
      name,
      country,
    })),
    flights: readCsv(dataDir, 'flights.csv').map((row) => ({
      ...(row as unknown as Flight),
      arrivesDay: Number(row['arrivesDay']),
      minutes: Number(row['minutes']),
      stops: Number(row['stops']),
      price: Number(row['price']),
      seats: Number(row['seats']),
    })),
  }
}

/** Airports that have every word of the query in their code, city, name or country. */
export function findAirports({ airports }: Schedule, query: string): Airport[] {
  const words = query.toLowerCase().match(/[^\s,()]+/g) ?? []
  return airports.filter((airport) => {
    const text = Object.values(airport).join(' ').toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

/** Flights of that day with a seat left. */
export function searchSchedule(schedule: Schedule, query: FlightQuery): Flight[] {
  const { from, to, date, maxPrice = Number.POSITIVE_INFINITY, sort = 'price' } = query
  for (const code of [from, to]) checkAirport(schedule, code)
  const weekday = weekdayOf(schedule, date)
  const order = {
    price: (a: Flight, b: Flight) => a.price - b.price,
    departure: (a: Flight, b: Flight) => a.departs.localeCompare(b.departs),
    duration: (a: Flight, b: Flight) => a.minutes - b.minutes,
  }
  return schedule.flights
    .filter((flight) => flight.from === from && flight.to === to && flight.days.includes(weekday))
    .filter((flight) => flight.seats > 0 && flight.price <= maxPrice)
    .sort((a, b) => order[sort](a, b) || a.price - b.price || a.flight.localeCompare(b.flight))
}

/** The flight, if it can be had on that day for that price. */
export function checkOffer(schedule: Schedule, offer: { flight: string; date: string; price: number }): Flight {
  const flight = schedule.flights.find((known) => known.flight === offer.flight)
  if (!flight) throw new Error(`There is no flight ${offer.flight}.`)
  if (!flight.days.includes(weekdayOf(schedule, offer.date))) {
    throw new Error(`${flight.flight} does not fly on ${offer.date}.`)
  }
  if (flight.seats === 0) throw new Error(`${flight.flight} is sold out on ${offer.date}.`)
  const { price } = flight
  if (price !== offer.price) throw new Error(`The price of ${flight.flight} is ${price}, not ${offer.price}.`)
  return flight
}

export function checkAirport({ airports }: Schedule, code: string): void {
  if (!airports.some((airport) => airport.code === code)) {
    throw new Error(`There is no airport ${code}. Look it up with listAirports.`)
  }
}

function weekdayOf({ season }: Schedule, date: string): string {
  if (date < season.from || date > season.to) {
    throw new Error(`The schedule is that of ${season.from} to ${season.to}: it has no flights on ${date}.`)
  }
  return String(new Date(`${date}T00:00:00Z`).getUTCDay() || 7)
}
