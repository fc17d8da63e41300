/**
 * The airline's booking system, which knows nothing of agents: a database of its own. It would book twice if it were
 * asked twice: nothing here hides a second execution.
 */
import { DatabaseSync } from 'node:sqlite'

export interface BookingRequest {
  readonly flight: string
  readonly date: string
  readonly passenger: string
  readonly price: number
}

export interface Booking extends BookingRequest {
  readonly reference: string
}

export interface BookingSystem {
  /** Books, each time that it is called. */
  book(key: string, request: BookingRequest): Booking
  /** What was booked under a key. */
  find(key: string): Booking | undefined
  bookings(): Booking[]
  /** How often `book` was called in all. */
  attempts(): number
}

const COLUMNS = `printf('HF-%06d', id) AS reference, flight, date, passenger, price`

/** Opens the booking system for the time of `use`. */
export async function withBookings<T>(path: string, use: (system: BookingSystem) => Promise<T> | T): Promise<T> {
  const db = new DatabaseSync(path, { timeout: 5_000 })
  try {
    return await use(openBookings(db))
  } finally {
    db.close()
  }
}

function openBookings(db: DatabaseSync): BookingSystem {
  db.exec(`
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS attempts (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, flight TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS bookings (
      id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL,
      flight TEXT NOT NULL, date TEXT NOT NULL, passenger TEXT NOT NULL, price REAL NOT NULL
    );
  `)
  const found = (key: string): Booking | undefined =>
    db.prepare(`SELECT ${COLUMNS} FROM bookings WHERE key = ? ORDER BY id DESC`).get(key) as Booking | undefined
  return {
    book(key, { flight, date, passenger, price }) {
      db.prepare('INSERT INTO attempts (key, flight) VALUES (?, ?)').run(key, flight)
      db.prepare('INSERT INTO bookings (key, flight, date, passenger, price) VALUES (?, ?, ?, ?, ?)').run(
        key,
        flight,
        date,
        passenger,
        price,
      )
      return found(key) as Booking
    },
    find: found,
    bookings: () => db.prepare(`SELECT ${COLUMNS} FROM bookings ORDER BY id`).all() as unknown as Booking[],
    attempts: () => Number(db.prepare('SELECT count(*) AS n FROM attempts').get()?.['n']),
  }
}
